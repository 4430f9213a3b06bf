// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {PaymentSplitter} from "../../src/gateway/PaymentSplitter.sol";
import {ParametersDouble} from "../mocks/gateway/ParametersDouble.sol";
import {RegistryDouble} from "../mocks/gateway/RegistryDouble.sol";
import {DollarCoin} from "../mocks/tokens/DollarCoin.sol";
import {BaseTest} from "../utils/BaseTest.sol";

/// @title SplitterTest
/// @notice A PaymentSplitter with doubles of what it reads, and two nodes of two operators.
abstract contract SplitterTest is BaseTest {
    address internal constant ETH = address(0);
    bytes20 internal constant NODE = bytes20(uint160(0x0de1));
    bytes20 internal constant OTHER_NODE = bytes20(uint160(0x0de2));

    ParametersDouble internal parameters;
    RegistryDouble internal registry;
    PaymentSplitter internal splitter;
    DollarCoin internal dollar;

    address internal operator;
    address internal otherOperator;
    address internal treasury;
    address internal payer;
    address internal stranger;

    function setUp() public virtual {
        operator = makeAddr("operator");
        otherOperator = makeAddr("other operator");
        treasury = makeAddr("treasury");
        payer = makeAddr("payer");
        stranger = makeAddr("stranger");
        parameters = new ParametersDouble(treasury);
        registry = new RegistryDouble();
        dollar = new DollarCoin();
        parameters.setAccepted(address(dollar), true);
        registry.register(NODE, operator);
        registry.register(OTHER_NODE, otherOperator);
        splitter =
            new PaymentSplitter(IParameterRegistry(address(parameters)), INodeRegistry(address(registry)));
        registry.setSink(splitter);
        vm.deal(payer, 1_000_000 ether);
        dollar.mint(payer, type(uint128).max);
        vm.prank(payer);
        dollar.approve(address(splitter), type(uint256).max);
    }

    function pay(address token, uint256 amount) internal {
        vm.prank(payer);
        splitter.split{value: token == ETH ? amount : 0}(NODE, operator, token, amount);
    }

    function balance(address who, address token) internal view returns (uint256) {
        return token == ETH ? who.balance : dollar.balanceOf(who);
    }

    function assertSolvent(address token) internal view {
        assertEq(balance(address(splitter), token), splitter.liabilities(token), "owes what it has");
    }
}
