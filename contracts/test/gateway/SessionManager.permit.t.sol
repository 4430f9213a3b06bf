// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {MuteCoin} from "../mocks/tokens/OddCoins.sol";
import {DollarCoin} from "../mocks/tokens/DollarCoin.sol";
import {SessionTest} from "./SessionTest.sol";

contract SessionManagerPermitTest is SessionTest {
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    function setUp() public override {
        super.setUp();
        vm.prank(user);
        dollar.approve(address(manager), 0);
    }

    function permitBy(uint256 key, DollarCoin coin, address spender, uint256 amount, uint256 deadline)
        private
        view
        returns (ISessionManager.Permit memory permit)
    {
        address owner = vm.addr(key);
        bytes32 structHash =
            keccak256(abi.encode(PERMIT, owner, spender, amount, coin.nonces(owner), deadline));
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", coin.DOMAIN_SEPARATOR(), structHash));
        permit.deadline = deadline;
        (permit.v, permit.r, permit.s) = vm.sign(key, digest);
    }

    function good(uint256 amount) private view returns (ISessionManager.Permit memory) {
        return permitBy(userKey, dollar, address(manager), amount, vm.getBlockTimestamp() + 1);
    }

    function refused(ISessionManager.Permit memory permit) private {
        vm.expectPartialRevert(bytes4(keccak256("ERC20InsufficientAllowance(address,uint256,uint256)")));
        vm.prank(user);
        manager.openWithPermit(termsIn(address(dollar)), permit);
    }

    function test_OpenWithPermit() public {
        ISessionManager.Permit memory permit = good(DEPOSIT);
        vm.prank(user);
        uint256 id = manager.openWithPermit(termsIn(address(dollar)), permit);
        assertEq(manager.session(id).user, user);
        assertEq(dollar.balanceOf(address(manager)), DEPOSIT);
        assertEq(dollar.allowance(user, address(manager)), 0, "nothing left over");
    }

    function test_TopUpWithPermit() public {
        ISessionManager.Permit memory permit = good(DEPOSIT);
        vm.prank(user);
        uint256 id = manager.openWithPermit(termsIn(address(dollar)), permit);
        permit = good(7e6);
        vm.prank(user);
        manager.topUpWithPermit(id, 7e6, permit);
        assertEq(manager.session(id).deposit, DEPOSIT + 7e6);
    }

    /// @dev Whoever sees the permit may use it first: the deposit still works.
    function test_FrontRunPermitIsNoObstacle() public {
        ISessionManager.Permit memory permit = good(DEPOSIT);
        vm.prank(stranger);
        dollar.permit(user, address(manager), DEPOSIT, permit.deadline, permit.v, permit.r, permit.s);
        vm.prank(user);
        manager.openWithPermit(termsIn(address(dollar)), permit);
    }

    /// @dev Somebody else's permit gives the caller nothing.
    function test_StolenPermitReverts() public {
        vm.prank(stranger);
        dollar.approve(address(manager), 0);
        ISessionManager.Permit memory permit = good(DEPOSIT);
        vm.expectPartialRevert(bytes4(keccak256("ERC20InsufficientAllowance(address,uint256,uint256)")));
        vm.prank(stranger);
        manager.openWithPermit(termsIn(address(dollar)), permit);
    }

    function test_ReplayedPermitReverts() public {
        ISessionManager.Permit memory permit = good(DEPOSIT);
        vm.prank(user);
        manager.openWithPermit(termsIn(address(dollar)), permit);
        refused(permit);
    }

    function test_ExpiredPermitReverts() public {
        ISessionManager.Permit memory permit = good(DEPOSIT);
        skip(2);
        refused(permit);
    }

    function test_PermitForOtherAmountReverts() public {
        refused(good(DEPOSIT - 1));
    }

    function test_PermitForOtherSpenderReverts() public {
        refused(permitBy(userKey, dollar, stranger, DEPOSIT, vm.getBlockTimestamp() + 1));
    }

    function test_PermitForOtherTokenReverts() public {
        DollarCoin twin = new DollarCoin();
        refused(permitBy(userKey, twin, address(manager), DEPOSIT, vm.getBlockTimestamp() + 1));
    }

    function test_PermitFromOtherChainReverts() public {
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        ISessionManager.Permit memory permit = good(DEPOSIT);
        vm.chainId(here);
        refused(permit);
    }

    /// @dev A token without permit works by allowance.
    function test_TokenWithoutPermit() public {
        MuteCoin coin = new MuteCoin();
        parameters.setAccepted(address(coin), true);
        coin.mint(user, DEPOSIT);
        vm.prank(user);
        coin.approve(address(manager), DEPOSIT);
        ISessionManager.Permit memory permit = good(DEPOSIT);
        vm.prank(user);
        manager.openWithPermit(termsIn(address(coin)), permit);
        assertEq(coin.balanceOf(address(manager)), DEPOSIT);
    }

    function test_EthNeedsValue() public {
        ISessionManager.Permit memory permit = good(DEPOSIT);
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerWrongValue.selector);
        manager.openWithPermit(termsIn(ETH), permit);
    }

    function test_PermitWhilePausedReverts() public {
        ISessionManager.Permit memory permit = good(DEPOSIT);
        parameters.setPaused(true);
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerPaused.selector);
        manager.openWithPermit(termsIn(address(dollar)), permit);
    }

    function test_TopUpUnknownSessionWithPermitReverts() public {
        ISessionManager.Permit memory permit = good(DEPOSIT);
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerUnknownSession.selector);
        manager.topUpWithPermit(9, DEPOSIT, permit);
    }
}
