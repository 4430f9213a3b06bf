// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {NodeProofs} from "../../src/libraries/NodeProofs.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {NodeRegistry} from "../../src/reputation/NodeRegistry.sol";
import {ReputationBase} from "./ReputationBase.sol";

contract NodeRegistryRegisterTest is ReputationBase {
    function test_register() public {
        bytes memory proof = rawSignature(node1, registry.registrationMessage(node1.node, alice));
        vm.expectEmit(address(registry));
        emit INodeRegistry.NodeRegistered(node1.node, alice, 1, MIN_STAKE, 1);
        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node1.node, true, MIN_STAKE, 0, false, timestamp());
        vm.prank(alice);
        registry.registerNode{value: MIN_STAKE}(node1.node, node1.pubKey, proof, NodeProofs.RAW);

        assertStanding(node1.node, true, true, MIN_STAKE, 0);
        (,,,, bool blacklisted, uint64 since) = registry.standing(node1.node);
        assertFalse(blacklisted, "blacklisted");
        assertEq(since, START, "since");
        assertEq(registry.operatorOf(node1.node), alice);
        assertEq(registry.recordOf(node1.node), 1);
        assertEq(registry.nodeCount(), 1);
        assertEq(registry.nodeCountOf(alice), 1);
        assertEq(registry.nonceOf(node1.node), 1);
        assertSolvent();
    }

    function test_registerWithAdr036() public {
        string memory message = registry.registrationMessage(node1.node, alice);
        bytes memory proof = rawSignature(node1, NodeProofs.signDocument(node1.node, message));
        vm.prank(alice);
        registry.registerNode{value: MIN_STAKE}(node1.node, node1.pubKey, proof, NodeProofs.ADR036);
        assertEq(registry.operatorOf(node1.node), alice);
    }

    function test_registerWithMoreThanTheMinimum(uint256 stake) public {
        stake = bound(stake, MIN_STAKE, 1_000 ether);
        register(node1, alice, stake);
        assertStanding(node1.node, true, true, stake, 0);
        assertSolvent();
    }

    function test_furtherNodesOfAnOperatorCountUp() public {
        register(node1, alice, MIN_STAKE);
        register(node2, alice, MIN_STAKE);
        register(node3, bob, MIN_STAKE);
        assertEq(registry.scoreFacts(node1.node).ordinal, 1);
        assertEq(registry.scoreFacts(node2.node).ordinal, 2);
        assertEq(registry.scoreFacts(node3.node).ordinal, 1);
    }

    function test_revertWhen_paused() public {
        bytes memory proof = rawSignature(node1, registry.registrationMessage(node1.node, alice));
        pause();
        vm.prank(alice);
        vm.expectRevert(INodeRegistry.NodeRegistryPaused.selector);
        registry.registerNode{value: MIN_STAKE}(node1.node, node1.pubKey, proof, 0);
    }

    function test_revertWhen_stakeTooLow() public {
        bytes memory proof = rawSignature(node1, registry.registrationMessage(node1.node, alice));
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(INodeRegistry.NodeRegistryStakeTooLow.selector, MIN_STAKE - 1, MIN_STAKE)
        );
        registry.registerNode{value: MIN_STAKE - 1}(node1.node, node1.pubKey, proof, 0);
    }

    function test_aRaisedMinimumCountsForNewNodesAtOnce() public {
        setParameter(ParameterKeys.MIN_STAKE, 1 ether);
        bytes memory proof = rawSignature(node1, registry.registrationMessage(node1.node, alice));
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(INodeRegistry.NodeRegistryStakeTooLow.selector, MIN_STAKE, 1 ether)
        );
        registry.registerNode{value: MIN_STAKE}(node1.node, node1.pubKey, proof, 0);
    }

    function test_revertWhen_registered() public {
        register(node1, alice, MIN_STAKE);
        _expectRefused(
            node1,
            bob,
            abi.encodeWithSelector(INodeRegistry.NodeRegistryAlreadyRegistered.selector, node1.node)
        );
    }

    function test_revertWhen_stillUnbonding() public {
        register(node1, alice, MIN_STAKE);
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING - 1);
        _expectRefused(
            node1,
            bob,
            abi.encodeWithSelector(INodeRegistry.NodeRegistryAlreadyRegistered.selector, node1.node)
        );
    }

    /// @dev The former operator cannot block the node by not withdrawing, and loses nothing.
    function test_registerAnewOnceUnbonded() public {
        register(node1, alice, 2 ether);
        setScore(node1, 500);
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING);
        register(node1, bob, MIN_STAKE);

        assertEq(registry.operatorOf(node1.node), bob);
        assertEq(registry.due(alice), 2 ether);
        assertEq(registry.recordOf(node1.node), 2);
        assertEq(registry.nodeCount(), 1);
        assertEq(registry.nodeCountOf(alice), 0);
        assertStanding(node1.node, true, true, MIN_STAKE, 0);
        assertSolvent();
    }

    function test_revertWhen_blacklistedByTheGovernor() public {
        vm.prank(governor);
        registry.blacklist(node1.node);
        _expectRefused(
            node1, alice, abi.encodeWithSelector(INodeRegistry.NodeRegistryBlacklisted.selector, node1.node)
        );
    }

    function test_revertWhen_blacklistedByTheGuardian() public {
        vm.prank(guardian);
        params.blacklistNode(node1.node, "reason");
        _expectRefused(
            node1, alice, abi.encodeWithSelector(INodeRegistry.NodeRegistryBlacklisted.selector, node1.node)
        );
    }

    function test_revertWhen_keyIsAnothers() public {
        bytes memory proof = rawSignature(node2, registry.registrationMessage(node1.node, alice));
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryWrongKey.selector, node1.node));
        vm.prank(alice);
        registry.registerNode{value: MIN_STAKE}(node1.node, node2.pubKey, proof, 0);
    }

    function test_revertWhen_keyHasWrongLength() public {
        bytes memory proof = rawSignature(node1, registry.registrationMessage(node1.node, alice));
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryWrongKey.selector, node1.node));
        vm.prank(alice);
        registry.registerNode{value: MIN_STAKE}(node1.node, bytes.concat(node1.pubKey, hex"00"), proof, 0);
    }

    /// @dev An address of 33 bytes that are no point of the curve exists, but nobody can sign for it.
    function test_revertWhen_keyIsNoPoint() public {
        NodeKey memory fake = node1;
        fake.pubKey = abi.encodePacked(uint8(2), uint256(5));
        fake.node = ripemd160(abi.encodePacked(sha256(fake.pubKey)));
        _expectWrongSignature(fake, rawSignature(fake, registry.registrationMessage(fake.node, alice)), 0);
    }

    function test_revertWhen_signedForAnotherOperator() public {
        _expectWrongSignature(node1, rawSignature(node1, registry.registrationMessage(node1.node, bob)), 0);
    }

    function test_revertWhen_signedForAnotherNode() public {
        _expectWrongSignature(node1, rawSignature(node1, registry.registrationMessage(node2.node, alice)), 0);
    }

    function test_revertWhen_signedForAnotherChain() public {
        vm.chainId(1);
        bytes memory proof = rawSignature(node1, registry.registrationMessage(node1.node, alice));
        vm.chainId(11_155_111);
        _expectWrongSignature(node1, proof, 0);
    }

    function test_revertWhen_signedForAnotherRegistry() public {
        NodeRegistry other = new NodeRegistry(params, governor, address(this));
        _expectWrongSignature(node1, rawSignature(node1, other.registrationMessage(node1.node, alice)), 0);
    }

    function test_revertWhen_signatureIsUsedTwice() public {
        bytes memory proof = rawSignature(node1, registry.registrationMessage(node1.node, alice));
        register(node1, alice, MIN_STAKE);
        vm.startPrank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING);
        registry.withdrawStake(node1.node, alice);
        vm.stopPrank();
        _expectWrongSignature(node1, proof, 0);
    }

    function test_revertWhen_formIsAnother() public {
        string memory message = registry.registrationMessage(node1.node, alice);
        _expectWrongSignature(node1, rawSignature(node1, message), 1);
        _expectWrongSignature(node1, rawSignature(node1, NodeProofs.signDocument(node1.node, message)), 0);
        _expectWrongSignature(node1, rawSignature(node1, message), 2);
    }

    function test_revertWhen_signatureHasRecoveryId() public {
        bytes memory proof = rawSignature(node1, registry.registrationMessage(node1.node, alice));
        _expectWrongSignature(node1, bytes.concat(proof, hex"1b"), 0);
    }

    function test_revertWhen_signatureIsMalleated() public {
        bytes32 digest = sha256(bytes(registry.registrationMessage(node1.node, alice)));
        (, bytes32 r, bytes32 s) = vm.sign(node1.secret, digest);
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        _expectWrongSignature(node1, abi.encodePacked(r, order - uint256(s)), 0);
    }

    function test_revertWhen_signatureIsEmpty() public {
        _expectWrongSignature(node1, "", 0);
    }

    function _expectRefused(NodeKey memory key, address operator, bytes memory reason) private {
        bytes memory proof = rawSignature(key, registry.registrationMessage(key.node, operator));
        vm.expectRevert(reason);
        vm.prank(operator);
        registry.registerNode{value: MIN_STAKE}(key.node, key.pubKey, proof, NodeProofs.RAW);
    }

    function _expectWrongSignature(NodeKey memory key, bytes memory proof, uint8 form) private {
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryWrongSignature.selector, key.node));
        vm.prank(alice);
        registry.registerNode{value: MIN_STAKE}(key.node, key.pubKey, proof, form);
    }
}
