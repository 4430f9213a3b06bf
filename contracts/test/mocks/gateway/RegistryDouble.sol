// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IRewardSink} from "../../../src/interfaces/IRewardSink.sol";

/// @title RegistryDouble
/// @notice What the gateway contracts read of the NodeRegistry, freely settable.
contract RegistryDouble {
    struct Node {
        address operator;
        bool registered;
        bool active;
        bool blacklisted;
        uint256 weight;
        bytes20 current;
    }

    mapping(bytes20 node => Node) private _nodes;
    /// @dev Survives a change of the key.
    mapping(bytes20 node => uint256) public recordOf;
    uint256 private _records;
    IRewardSink public sink;

    function setSink(IRewardSink sink_) external {
        sink = sink_;
    }

    function register(bytes20 node, address operator) external {
        _nodes[node] = Node(operator, true, true, false, 0, node);
        recordOf[node] = ++_records;
    }

    function setStanding(bytes20 node, bool registered, bool active, bool blacklisted) external {
        Node storage n = _nodes[node];
        (n.registered, n.active, n.blacklisted) = (registered, active, blacklisted);
    }

    /// @dev Without telling the sink.
    function setOperator(bytes20 node, address operator) external {
        _nodes[node].operator = operator;
    }

    /// @dev Without telling the sink.
    function setWeightSilently(bytes20 node, uint256 weight) public {
        _nodes[node].weight = weight;
    }

    function setCurrent(bytes20 node, bytes20 current) external {
        _nodes[node].current = current;
    }

    /// @dev The record goes from `node` to `newNode`; the former leads to it.
    function changeKey(bytes20 node, bytes20 newNode) external {
        _nodes[newNode] = _nodes[node];
        recordOf[newNode] = recordOf[node];
        _nodes[newNode].current = newNode;
        _nodes[node] = Node(address(0), false, false, false, 0, newNode);
    }

    function setWeight(bytes20 node, uint256 weight) external {
        uint256 old = _nodes[node].weight;
        setWeightSilently(node, weight);
        sink.onWeightChanged(node, old, weight);
    }

    function standing(bytes20 node) external view returns (bool, bool, uint256, uint16, bool, uint64) {
        Node storage n = _nodes[node];
        return (n.registered, n.active, 0, 0, n.blacklisted, 0);
    }

    function operatorOf(bytes20 node) external view returns (address) {
        return _nodes[node].operator;
    }

    function currentNode(bytes20 node) external view returns (bytes20) {
        return _nodes[node].current;
    }

    function rewardWeight(bytes20 node) external view returns (uint256) {
        return _nodes[node].weight;
    }
}
