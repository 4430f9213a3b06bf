// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Offence} from "../../src/interfaces/ISlashingManager.sol";
import {ReputationBase} from "./ReputationBase.sol";

/// @notice Disputes and attestations for the tests of the SlashingManager.
abstract contract DisputeBase is ReputationBase {
    uint256 internal constant BOND = 0.01 ether;
    uint64 internal constant DISPUTE_PERIOD = 7 days;
    /// @dev The timelock's delay for major changes, and two days.
    uint64 internal constant VETO_PERIOD = 5 days;
    bytes32 internal constant EVIDENCE = keccak256("evidence");

    function setUp() public virtual override {
        super.setUp();
        register(node1, alice, 2 ether);
        skip(30 days);
    }

    function open(Offence offence) internal returns (uint256) {
        return openAs(bob, offence, timestamp() - 1 days, EVIDENCE);
    }

    function openAs(address who, Offence offence, uint64 occurredAt, bytes32 evidence)
        internal
        returns (uint256)
    {
        vm.prank(who);
        return manager.openDispute{value: BOND}(node1.node, offence, occurredAt, evidence);
    }

    function decide(uint256 id, bool upheld) internal {
        uint64 version = oracle.committeeVersion();
        (address[] memory signers, bytes[] memory signatures) =
            signed(manager.verdictHash(id, upheld, version), THRESHOLD);
        manager.decide(id, upheld, version, signers, signatures);
    }

    function attest(Offence offence, uint64 from, uint64 to) internal returns (uint256) {
        (address[] memory signers, bytes[] memory signatures) =
            signed(manager.offenceHash(node1.node, offence, from, to, 1), THRESHOLD);
        return manager.slashAutomatic(node1.node, offence, from, to, 1, signers, signatures);
    }

    /// @dev What the manager holds is what it owes, now or when disputes end.
    function assertManagerSolvent() internal view {
        uint256 owed = manager.due(alice) + manager.due(bob) + manager.due(stranger) + manager.treasuryDue();
        for (uint256 id = 1; id <= manager.disputeCount(); ++id) {
            uint256 state = uint256(manager.disputes(id).state);
            if (state == 1 || state == 2) owed += manager.disputes(id).bond;
        }
        for (uint256 id = 1; id <= manager.attestationDisputeCount(); ++id) {
            if (uint256(manager.attestationDisputes(id).state) == 1) {
                owed += manager.attestationDisputes(id).bond;
            }
        }
        assertEq(address(manager).balance, owed, "manager solvent");
    }
}
