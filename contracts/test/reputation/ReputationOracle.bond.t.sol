// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IEtherLedger} from "../../src/interfaces/IEtherLedger.sol";
import {IReputationOracle} from "../../src/interfaces/IReputationOracle.sol";
import {ReputationBase} from "./ReputationBase.sol";

/// @notice bond, unbond and withdrawBond.
contract ReputationOracleBondTest is ReputationBase {
    function test_bond() public {
        vm.expectEmit(address(oracle));
        emit IReputationOracle.Bonded(alice, 2 ether);
        vm.prank(alice);
        oracle.bond{value: 2 ether}(alice);
        (uint256 bonded, uint256 unbonding, uint64 unbondsAt, uint64 heldUntil) = oracle.bondOf(alice);
        assertEq(bonded, 2 ether);
        assertEq(unbonding, 0);
        assertEq(unbondsAt, 0);
        assertEq(heldUntil, 0);
    }

    function test_bondForAnother() public {
        vm.prank(bob);
        oracle.bond{value: 1 ether}(alice);
        (uint256 bonded,,,) = oracle.bondOf(alice);
        assertEq(bonded, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IReputationOracle.ReputationOracleNotPayee.selector, bob));
        vm.prank(bob);
        oracle.unbond(alice, 1 ether);
    }

    /// @dev The signing key, which is online, cannot take the bond out once another key is the payee.
    function test_A2_thePayeeTakesTheBondOut() public {
        vm.startPrank(alice);
        oracle.bond{value: 2 ether}(alice);
        assertEq(oracle.bondPayee(alice), alice);
        vm.expectEmit(address(oracle));
        emit IReputationOracle.BondPayeeChanged(alice, bob);
        oracle.setBondPayee(alice, bob);
        assertEq(oracle.bondPayee(alice), bob);
        bytes memory denied =
            abi.encodeWithSelector(IReputationOracle.ReputationOracleNotPayee.selector, alice);
        vm.expectRevert(denied);
        oracle.unbond(alice, 2 ether);
        vm.expectRevert(denied);
        oracle.setBondPayee(alice, alice);
        vm.expectRevert(denied);
        oracle.consent(alice, timestamp() + 1);
        vm.expectRevert(denied);
        oracle.withdrawBond(alice, alice);
        vm.stopPrank();
        vm.startPrank(bob);
        oracle.unbond(alice, 2 ether);
        skip(UNBONDING);
        oracle.withdrawBond(alice, bob);
        assertEq(bob.balance, 1_002 ether);
    }

    function test_setBondPayeeRevertWhen_zero() public {
        vm.expectRevert(IReputationOracle.ReputationOracleInvalidAddress.selector);
        vm.prank(alice);
        oracle.setBondPayee(alice, address(0));
    }

    function test_bondRevertWhen_zero() public {
        vm.expectRevert(abi.encodeWithSelector(IReputationOracle.ReputationOracleInvalidAmount.selector, 0));
        oracle.bond(alice);
    }

    function test_bondRevertWhen_nobody() public {
        vm.expectRevert(IReputationOracle.ReputationOracleInvalidAddress.selector);
        vm.prank(alice);
        oracle.bond{value: 1 ether}(address(0));
    }

    function test_unbondAndWithdraw() public {
        vm.startPrank(alice);
        oracle.bond{value: 2 ether}(alice);
        vm.expectEmit(address(oracle));
        emit IReputationOracle.UnbondingStarted(alice, 1.5 ether, START + UNBONDING);
        oracle.unbond(alice, 1.5 ether);
        skip(UNBONDING - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IReputationOracle.ReputationOracleStillUnbonding.selector, START + UNBONDING
            )
        );
        oracle.withdrawBond(alice, alice);
        skip(1);
        vm.expectEmit(address(oracle));
        emit IReputationOracle.BondReleased(alice, 1.5 ether);
        oracle.withdrawBond(alice, bob);
        assertEq(bob.balance, 1_001.5 ether);
        (uint256 bonded, uint256 unbonding,,) = oracle.bondOf(alice);
        assertEq(bonded, 0.5 ether);
        assertEq(unbonding, 0);
    }

    function test_unbondLeavesAloneWhatIsFree() public {
        vm.startPrank(alice);
        oracle.bond{value: 2 ether}(alice);
        oracle.unbond(alice, 1 ether);
        skip(UNBONDING);
        oracle.unbond(alice, 1 ether);
        assertEq(oracle.due(alice), 1 ether);
        oracle.withdrawBond(alice, alice);
        assertEq(alice.balance, 999 ether);
    }

    function test_exitsAreNeverPaused() public {
        vm.prank(alice);
        oracle.bond{value: 2 ether}(alice);
        vm.prank(governor);
        params.renewPause(30 days);
        vm.startPrank(alice);
        oracle.unbond(alice, 2 ether);
        skip(UNBONDING);
        oracle.withdrawBond(alice, alice);
        assertTrue(params.paused(), "paused");
        assertEq(alice.balance, 1_000 ether);
    }

    function test_unbondRevertWhen_member() public {
        vm.expectRevert(
            abi.encodeWithSelector(IReputationOracle.ReputationOracleStillMember.selector, members[0])
        );
        vm.prank(members[0]);
        oracle.unbond(members[0], 1);
    }

    function test_unbondRevertWhen_amountIsWrong() public {
        vm.startPrank(alice);
        oracle.bond{value: 1 ether}(alice);
        vm.expectRevert(abi.encodeWithSelector(IReputationOracle.ReputationOracleInvalidAmount.selector, 0));
        oracle.unbond(alice, 0);
        vm.expectRevert(
            abi.encodeWithSelector(IReputationOracle.ReputationOracleInvalidAmount.selector, 1 ether + 1)
        );
        oracle.unbond(alice, 1 ether + 1);
    }

    function test_withdrawRevertWhen_nothingIsDue() public {
        vm.expectRevert(IEtherLedger.EtherLedgerNothingDue.selector);
        vm.prank(alice);
        oracle.withdrawBond(alice, alice);
    }
}
