// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {INodeRegistry, NodeProof} from "../../src/interfaces/INodeRegistry.sol";
import {NodeProofs} from "../../src/libraries/NodeProofs.sol";
import {RecordingSink} from "../mocks/Sinks.sol";
import {ReputationBase} from "./ReputationBase.sol";

contract NodeRegistryChangeKeyTest is ReputationBase {
    function setUp() public override {
        super.setUp();
        register(node1, alice, 2 ether);
        setScore(node1, 300);
    }

    function test_changeKey() public {
        (NodeProof memory oldProof, NodeProof memory newProof) = _proofs(alice);
        vm.expectEmit(address(registry));
        emit INodeRegistry.KeyChanged(node1.node, node2.node, 1);
        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node1.node, false, 0, 0, false, 0);
        vm.expectEmit(address(registry));
        emit INodeRegistry.StandingChanged(node2.node, true, 2 ether, 300, false, uint64(START));
        vm.prank(alice);
        registry.changeKey(node1.node, node2.node, oldProof, newProof);

        assertStanding(node1.node, false, false, 0, 0);
        assertStanding(node2.node, true, true, 2 ether, 300);
        assertEq(registry.operatorOf(node1.node), address(0));
        assertEq(registry.operatorOf(node2.node), alice);
        assertEq(registry.nodeCount(), 1);
        assertNode(registry.nodeAt(0), node2.node);
        assertSolvent();
    }

    function test_changeKeyWithAdr036() public {
        string memory message = registry.keyChangeMessage(node1.node, node2.node, alice);
        NodeProof memory oldProof = proofOf(node1, NodeProofs.signDocument(node1.node, message));
        NodeProof memory newProof = proofOf(node2, NodeProofs.signDocument(node2.node, message));
        (oldProof.form, newProof.form) = (NodeProofs.ADR036, NodeProofs.ADR036);
        vm.prank(alice);
        registry.changeKey(node1.node, node2.node, oldProof, newProof);
        assertEq(registry.operatorOf(node2.node), alice);
    }

    /// @dev An offence follows the record, not the address.
    function test_theOldAddressLeadsToTheRecord() public {
        _change(node1, node2);
        assertEq(registry.recordOf(node1.node), 1);
        assertNode(registry.currentNode(node1.node), node2.node);
        assertEq(slashNode(node1.node, 5_000), 1 ether);
        assertStanding(node2.node, true, true, 1 ether, 300);

        vm.prank(address(oracle));
        registry.updateReputationScore(node1.node, 250);
        assertStanding(node2.node, true, true, 1 ether, 250);

        vm.prank(address(manager));
        registry.blacklist(node1.node);
        (,,,, bool blacklisted,) = registry.standing(node2.node);
        assertTrue(blacklisted, "the present address is blacklisted");
    }

    function test_weightsFollow() public {
        assertEq(sink.weights(node1.node), 600 ether);
        _change(node1, node2);
        assertEq(sink.weights(node1.node), 0);
        assertEq(sink.weights(node2.node), 600 ether);
        assertEq(sink.total(), registry.totalRewardWeight());
        assertEq(registry.rewardWeight(node1.node), 0);
        assertEq(registry.rewardWeight(node2.node), 600 ether);
    }

    function test_aSinkThatTookNothingHearsOnlyOfTheNewAddress() public {
        setScore(node1, 0);
        bytes memory code = address(sink).code;
        vm.etch(address(sink), "");
        setScore(node1, 300);
        vm.etch(address(sink), code);
        uint256 calls = sink.calls();
        _change(node1, node2);
        assertEq(sink.weights(node1.node), 0, "nothing to take back");
        assertEq(sink.calls(), calls + 1);
        assertEq(sink.weights(node2.node), 600 ether);
    }

    function test_aChainOfChanges() public {
        _change(node1, node2);
        _change(node2, node3);
        assertNode(registry.currentNode(node1.node), node3.node);
        assertNode(registry.currentNode(node2.node), node3.node);
        assertEq(registry.nodeCount(), 1);
    }

    function test_revertWhen_anOldAddressRegisters() public {
        _change(node1, node2);
        bytes memory proof = rawSignature(node1, registry.registrationMessage(node1.node, bob));
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryRetired.selector, node1.node));
        vm.prank(bob);
        registry.registerNode{value: MIN_STAKE}(node1.node, node1.pubKey, proof, 0);
    }

    function test_revertWhen_goingBackToAnOldAddress() public {
        _change(node1, node2);
        string memory message = registry.keyChangeMessage(node2.node, node1.node, alice);
        _expectRevert(
            node2,
            node1,
            proofOf(node2, message),
            proofOf(node1, message),
            abi.encodeWithSelector(INodeRegistry.NodeRegistryRetired.selector, node1.node)
        );
    }

    function test_revertWhen_newAddressIsTaken() public {
        register(node2, bob, MIN_STAKE);
        (NodeProof memory oldProof, NodeProof memory newProof) = _proofs(alice);
        _expectRevert(
            node1,
            node2,
            oldProof,
            newProof,
            abi.encodeWithSelector(INodeRegistry.NodeRegistryAlreadyRegistered.selector, node2.node)
        );
    }

    function test_revertWhen_newAddressIsTheSame() public {
        string memory message = registry.keyChangeMessage(node1.node, node1.node, alice);
        _expectRevert(
            node1,
            node1,
            proofOf(node1, message),
            proofOf(node1, message),
            abi.encodeWithSelector(INodeRegistry.NodeRegistryAlreadyRegistered.selector, node1.node)
        );
    }

    function test_revertWhen_blacklisted() public {
        vm.prank(guardian);
        params.blacklistNode(node1.node, "reason");
        (NodeProof memory oldProof, NodeProof memory newProof) = _proofs(alice);
        _expectRevert(
            node1,
            node2,
            oldProof,
            newProof,
            abi.encodeWithSelector(INodeRegistry.NodeRegistryBlacklisted.selector, node1.node)
        );
    }

    function test_revertWhen_newAddressIsBlacklisted() public {
        vm.prank(governor);
        registry.blacklist(node2.node);
        (NodeProof memory oldProof, NodeProof memory newProof) = _proofs(alice);
        _expectRevert(
            node1,
            node2,
            oldProof,
            newProof,
            abi.encodeWithSelector(INodeRegistry.NodeRegistryBlacklisted.selector, node2.node)
        );
    }

    function test_revertWhen_leaving() public {
        (NodeProof memory oldProof, NodeProof memory newProof) = _proofs(alice);
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        _expectRevert(
            node1,
            node2,
            oldProof,
            newProof,
            abi.encodeWithSelector(INodeRegistry.NodeRegistryDeregistered.selector, node1.node)
        );
    }

    function test_revertWhen_notOperator() public {
        (NodeProof memory oldProof, NodeProof memory newProof) = _proofs(bob);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.NodeRegistryNotOperator.selector, bob));
        vm.prank(bob);
        registry.changeKey(node1.node, node2.node, oldProof, newProof);
    }

    function test_revertWhen_paused() public {
        (NodeProof memory oldProof, NodeProof memory newProof) = _proofs(alice);
        pause();
        _expectRevert(
            node1,
            node2,
            oldProof,
            newProof,
            abi.encodeWithSelector(INodeRegistry.NodeRegistryPaused.selector)
        );
    }

    function test_revertWhen_oldKeyDidNotSign() public {
        (, NodeProof memory newProof) = _proofs(alice);
        NodeProof memory forged = newProof;
        _expectRevert(
            node1,
            node2,
            forged,
            newProof,
            abi.encodeWithSelector(INodeRegistry.NodeRegistryWrongKey.selector, node1.node)
        );
        forged = NodeProof(node1.pubKey, newProof.signature, 0);
        _expectRevert(
            node1,
            node2,
            forged,
            newProof,
            abi.encodeWithSelector(INodeRegistry.NodeRegistryWrongSignature.selector, node1.node)
        );
    }

    function test_revertWhen_newKeyDidNotSign() public {
        (NodeProof memory oldProof,) = _proofs(alice);
        _expectRevert(
            node1,
            node2,
            oldProof,
            oldProof,
            abi.encodeWithSelector(INodeRegistry.NodeRegistryWrongKey.selector, node2.node)
        );
        _expectRevert(
            node1,
            node2,
            oldProof,
            NodeProof(node2.pubKey, oldProof.signature, 0),
            abi.encodeWithSelector(INodeRegistry.NodeRegistryWrongSignature.selector, node2.node)
        );
    }

    /// @dev A key that agreed to be registered has not agreed to be changed.
    function test_revertWhen_aRegistrationIsUsed() public {
        string memory message = registry.registrationMessage(node1.node, alice);
        (, NodeProof memory newProof) = _proofs(alice);
        _expectRevert(
            node1,
            node2,
            proofOf(node1, message),
            newProof,
            abi.encodeWithSelector(INodeRegistry.NodeRegistryWrongSignature.selector, node1.node)
        );
    }

    function _proofs(address operator)
        private
        view
        returns (NodeProof memory oldProof, NodeProof memory newProof)
    {
        string memory message = registry.keyChangeMessage(node1.node, node2.node, operator);
        return (proofOf(node1, message), proofOf(node2, message));
    }

    function _change(NodeKey memory from, NodeKey memory to) private {
        string memory message = registry.keyChangeMessage(from.node, to.node, alice);
        (NodeProof memory oldProof, NodeProof memory newProof) =
            (proofOf(from, message), proofOf(to, message));
        vm.prank(alice);
        registry.changeKey(from.node, to.node, oldProof, newProof);
    }

    function _expectRevert(
        NodeKey memory from,
        NodeKey memory to,
        NodeProof memory oldProof,
        NodeProof memory newProof,
        bytes memory reason
    ) private {
        vm.expectRevert(reason);
        vm.prank(alice);
        registry.changeKey(from.node, to.node, oldProof, newProof);
    }
}
