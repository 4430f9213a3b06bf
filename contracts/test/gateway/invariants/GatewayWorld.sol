// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICommittee} from "../../../src/interfaces/ICommittee.sol";
import {INodeRegistry} from "../../../src/interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../../../src/interfaces/IParameterRegistry.sol";
import {PaymentSplitter} from "../../../src/gateway/PaymentSplitter.sol";
import {SessionManager} from "../../../src/gateway/SessionManager.sol";
import {CommitteeDouble} from "../../mocks/gateway/CommitteeDouble.sol";
import {ParametersDouble} from "../../mocks/gateway/ParametersDouble.sol";
import {RegistryDouble} from "../../mocks/gateway/RegistryDouble.sol";
import {DollarCoin} from "../../mocks/tokens/DollarCoin.sol";
import {BaseTest} from "../../utils/BaseTest.sol";

/// @title GatewayWorld
/// @notice The contracts and everyone who has to do with them, for the handlers and the invariants.
contract GatewayWorld is BaseTest {
    address public constant ETH = address(0);
    bytes20 public constant ACCOUNT = bytes20(uint160(0xacc1));

    ParametersDouble public parameters;
    RegistryDouble public registry;
    CommitteeDouble public committee;
    PaymentSplitter public splitter;
    SessionManager public manager;
    DollarCoin public dollar;
    address public treasury;

    address[] public users;
    uint256[] public userKeys;
    address[] public operators;
    bytes20[] public nodes;
    address[] public tokens;
    address[] public members;
    uint256[] public memberKeys;

    constructor() {
        treasury = makeAddr("treasury");
        parameters = new ParametersDouble(treasury);
        registry = new RegistryDouble();
        dollar = new DollarCoin();
        parameters.setAccepted(address(dollar), true);
        tokens = [ETH, address(dollar)];
        // One member is enough here: what counts as a committee's word is tested elsewhere.
        (address member, uint256 memberKey) = makeAddrAndKey("member");
        members.push(member);
        memberKeys.push(memberKey);
        committee = new CommitteeDouble(members);
        splitter =
            new PaymentSplitter(IParameterRegistry(address(parameters)), INodeRegistry(address(registry)));
        registry.setSink(splitter);
        manager = new SessionManager(
            IParameterRegistry(address(parameters)),
            INodeRegistry(address(registry)),
            ICommittee(address(committee)),
            splitter
        );
        for (uint256 i = 0; i < 3; ++i) {
            _addUser(string.concat("user ", vm.toString(i)));
            _addNode(i);
        }
    }

    function countOf() external view returns (uint256 userCount, uint256 nodeCount) {
        return (users.length, nodes.length);
    }

    function keyOf(address user) external view returns (uint256) {
        for (uint256 i = 0; i < users.length; ++i) {
            if (users[i] == user) return userKeys[i];
        }
        revert("no user");
    }

    function balanceOf(address who, address token) public view returns (uint256) {
        return token == ETH ? who.balance : dollar.balanceOf(who);
    }

    /// @dev All credits of anyone at the manager.
    function credits(address token) external view returns (uint256 sum) {
        for (uint256 i = 0; i < users.length; ++i) {
            sum += manager.credit(users[i], token) + manager.credit(operators[i], token);
        }
        sum += manager.credit(treasury, token);
    }

    /// @dev All payments that wait at the manager.
    function deferred(address token) external view returns (uint256 sum) {
        for (uint256 i = 0; i < nodes.length; ++i) {
            sum += manager.deferred(nodes[i], operators[i], token);
        }
    }

    /// @dev All credits of anyone at the splitter.
    function pending(address token) external view returns (uint256 sum) {
        for (uint256 i = 0; i < operators.length; ++i) {
            sum += splitter.pending(operators[i], token);
        }
        sum += splitter.treasuryPending(token);
    }

    function _addUser(string memory name) private {
        (address user, uint256 key) = makeAddrAndKey(name);
        users.push(user);
        userKeys.push(key);
        vm.deal(user, 1e30);
        dollar.mint(user, 1e30);
        vm.prank(user);
        dollar.approve(address(manager), type(uint256).max);
    }

    function _addNode(uint256 i) private {
        address operator = makeAddr(string.concat("operator ", vm.toString(i)));
        bytes20 node = bytes20(uint160(0xde0 + i));
        operators.push(operator);
        nodes.push(node);
        vm.deal(operator, 1e30);
        registry.register(node, operator);
    }
}
