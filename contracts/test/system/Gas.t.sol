// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {Measurement} from "../../src/interfaces/IReputationOracle.sol";
import {NFTDelegation} from "../../src/test/delegation/NFTDelegation.sol";
import {TestMemes} from "../../src/test/TestMemes.sol";
import {World} from "./World.sol";

/// @notice What actions cost, written to `snapshots/`. With FORGE_SNAPSHOT_CHECK=true a difference is a failure.
contract GasTest is World {
    string private constant STAKE = "Stake";
    string private constant SCORES = "Scores";
    string private constant MONEY = "Money";
    string private constant READS = "Reads";
    string private constant EMERGENCY = "Emergency";

    function test_Stake() public {
        bytes memory registration = _registration(freshNode, stranger);
        vm.prank(stranger);
        (bool done,) = address(system.nodes).call{value: 1 ether}(registration);
        vm.snapshotGasLastCall(STAKE, "registerNode");
        assertTrue(done);
        vm.prank(operator);
        system.nodes.topUp{value: 1 ether}(node.node);
        vm.snapshotGasLastCall(STAKE, "topUp");
        vm.prank(operator);
        system.nodes.requestWithdrawal(node.node, 1 ether);
        vm.snapshotGasLastCall(STAKE, "requestWithdrawal");
        vm.prank(operator);
        system.nodes.deregisterNode(node.node);
        vm.snapshotGasLastCall(STAKE, "deregisterNode");
        skip(21 days);
        vm.prank(operator);
        system.nodes.withdrawStake(node.node, operator);
        vm.snapshotGasLastCall(STAKE, "withdrawStake");
    }

    function test_Scores() public {
        skip(2 hours);
        uint64 epoch = uint64(vm.getBlockTimestamp() / 1 hours - 1);
        Measurement[] memory list = new Measurement[](1);
        list[0] = Measurement(node.node, 9e17, 9_000, 9_000, 9_000, 1e12);
        uint64 version = system.oracle.committeeVersion();
        bytes32 hash =
            system.oracle.reportHash(epoch, system.oracle.rootOf(epoch, list), uint32(list.length), version);
        (address[] memory signers, bytes[] memory signatures) = _votes(hash, 6);
        system.oracle.postEpochList(epoch, list, version, signers, signatures);
        vm.snapshotGasLastCall(SCORES, "postEpochList of one node");
        system.oracle.recompute(node.node);
        vm.snapshotGasLastCall(SCORES, "recompute");
    }

    function test_Money() public {
        ISessionManager.Terms memory terms = _terms(bytes20(0));
        vm.prank(user);
        uint256 id = system.sessions.open{value: 1 ether}(terms);
        vm.snapshotGasLastCall(MONEY, "open");
        bytes memory receipt = _receipt(id, 0.5 ether);
        vm.prank(operator);
        system.sessions.claim(id, 0.5 ether, receipt);
        vm.snapshotGasLastCall(MONEY, "claim");
        vm.prank(user);
        system.sessions.close(id);
        vm.snapshotGasLastCall(MONEY, "close");
        skip(3 days);
        system.sessions.finalize(id);
        vm.snapshotGasLastCall(MONEY, "finalize");
        vm.prank(user);
        system.sessions.withdraw(address(0));
        vm.snapshotGasLastCall(MONEY, "withdraw of the user");
        system.splitter.harvest(node.node, address(0));
        vm.snapshotGasLastCall(MONEY, "harvest");
        vm.prank(operator);
        system.splitter.withdraw(address(0));
        vm.snapshotGasLastCall(MONEY, "withdraw of the operator");
    }

    function test_Batches() public {
        ISessionManager.Claim[] memory claims = new ISessionManager.Claim[](100);
        ISessionManager.Usage[] memory usages = new ISessionManager.Usage[](100);
        for (uint256 i = 0; i < 100; ++i) {
            uint256 id = _open(bytes20(0));
            claims[i] = ISessionManager.Claim(id, 0.5 ether, _receipt(id, 0.5 ether));
            usages[i] = ISessionManager.Usage(_open(ACCOUNT), ACCOUNT, node.node, 0, 0.5 ether);
        }
        vm.prank(operator);
        assertEq(system.sessions.claimBatch(claims), 100);
        vm.snapshotGasLastCall(MONEY, "claimBatch of 100");

        uint64 version = system.oracle.committeeVersion();
        (address[] memory signers, bytes[] memory signatures) =
            _votes(system.sessions.usageHash(usages, 1, version), 6);
        assertEq(
            system.sessions.settleUsage(usages, 1, ISessionManager.Votes(signatures, signers, version)), 100
        );
        vm.snapshotGasLastCall(MONEY, "settleUsage of 100");
    }

    function test_Reads() public {
        system.parameters.policyForGate();
        vm.snapshotGasLastCall(READS, "policyForGate");
        system.parameters.policyForOracle();
        vm.snapshotGasLastCall(READS, "policyForOracle");
        system.nodes.standing(node.node);
        vm.snapshotGasLastCall(READS, "standing");
        for (uint256 i = 0; i < 249; ++i) {
            _register(_nodeKey(vm.toString(i)), operator, 1 ether);
        }
        (, uint256 next) = system.nodes.standings(0, 250);
        vm.snapshotGasLastCall(READS, "standings of 250 nodes");
        assertEq(next, 0);
    }

    function test_AccessReads() public {
        address vault = makeAddr("vault");
        TestMemes(system.memes).mint(vault, 3, 1);
        vm.prank(vault);
        NFTDelegation(config.nftDelegation)
            .registerDelegationAddress(system.memes, stranger, type(uint256).max, 1, true, 0);
        assertTrue(system.access.hasAccess(vault));
        vm.snapshotGasLastCall(READS, "hasAccess of a holder");
        (bool access,) = system.access.checkWithDelegation(stranger);
        vm.snapshotGasLastCall(READS, "checkWithDelegation with one vault");
        assertTrue(access);
        (access,) = system.access.checkWithVault(stranger, vault);
        vm.snapshotGasLastCall(READS, "checkWithVault");
        assertTrue(access);
    }

    function test_Emergency() public {
        vm.startPrank(guardian);
        system.parameters.pause();
        vm.snapshotGasLastCall(EMERGENCY, "pause");
        system.parameters.blacklistNode(node.node, "attack");
        vm.snapshotGasLastCall(EMERGENCY, "blacklistNode");
        system.parameters.clearNode(node.node);
        vm.snapshotGasLastCall(EMERGENCY, "clearNode");
        vm.stopPrank();
    }
}
