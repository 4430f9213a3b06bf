// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICommittee} from "../../src/interfaces/ICommittee.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {IRewardSink} from "../../src/interfaces/IRewardSink.sol";
import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {PaymentSplitter} from "../../src/gateway/PaymentSplitter.sol";
import {SessionManager} from "../../src/gateway/SessionManager.sol";
import {CommitteeDouble} from "../mocks/gateway/CommitteeDouble.sol";
import {ParametersDouble} from "../mocks/gateway/ParametersDouble.sol";
import {RegistryDouble} from "../mocks/gateway/RegistryDouble.sol";
import {DollarCoin} from "../mocks/tokens/DollarCoin.sol";
import {BaseTest} from "../utils/BaseTest.sol";

/// @title SessionTest
/// @notice A SessionManager with a real PaymentSplitter, and everything else as doubles.
abstract contract SessionTest is BaseTest {
    address internal constant ETH = address(0);
    bytes20 internal constant NODE = bytes20(uint160(0x0de1));
    bytes20 internal constant OTHER_NODE = bytes20(uint160(0x0de2));
    /// @dev Has the weight, so that the stakers' shares have an owner.
    bytes20 internal constant STAKER_NODE = bytes20(uint160(0x0de3));
    bytes20 internal constant ACCOUNT = bytes20(uint160(0xacc1));
    uint128 internal constant DEPOSIT = 100e6;
    uint256 internal constant BOND = 0.01 ether;
    uint256 internal constant MEMBERS = 7;

    ParametersDouble internal parameters;
    RegistryDouble internal registry;
    CommitteeDouble internal committee;
    PaymentSplitter internal splitter;
    SessionManager internal manager;
    DollarCoin internal dollar;

    address internal user;
    uint256 internal userKey;
    address internal operator;
    address internal otherOperator;
    address internal treasury;
    address internal stranger;
    address[] internal members;
    uint256[] internal memberKeys;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        (user, userKey) = makeAddrAndKey("user");
        operator = makeAddr("operator");
        otherOperator = makeAddr("other operator");
        treasury = makeAddr("treasury");
        stranger = makeAddr("stranger");
        for (uint256 i = 0; i < MEMBERS; ++i) {
            _addMember(string.concat("member ", vm.toString(i)));
        }

        parameters = new ParametersDouble(treasury);
        registry = new RegistryDouble();
        committee = new CommitteeDouble(members);
        dollar = new DollarCoin();
        parameters.setAccepted(address(dollar), true);
        registry.register(NODE, operator);
        registry.register(OTHER_NODE, otherOperator);
        splitter =
            new PaymentSplitter(IParameterRegistry(address(parameters)), INodeRegistry(address(registry)));
        registry.setSink(IRewardSink(address(splitter)));
        registry.register(STAKER_NODE, makeAddr("staker"));
        registry.setWeight(STAKER_NODE, 1 << 70);
        manager = newManager();

        fund(user);
        fund(stranger);
        vm.deal(operator, 10 ether);
    }

    function newManager() internal returns (SessionManager) {
        return new SessionManager(
            IParameterRegistry(address(parameters)),
            INodeRegistry(address(registry)),
            ICommittee(address(committee)),
            splitter
        );
    }

    /// @dev ETH, dollars and an allowance for the manager.
    function fund(address who) internal {
        vm.deal(who, 1_000 ether);
        dollar.mint(who, 1_000_000e6);
        vm.prank(who);
        dollar.approve(address(manager), type(uint256).max);
    }

    // ------------------------------------------------------------------ opening

    function termsIn(address token) internal pure returns (ISessionManager.Terms memory) {
        return ISessionManager.Terms(NODE, bytes20(0), token, address(0), DEPOSIT, 1 days);
    }

    function open(ISessionManager.Terms memory terms) internal returns (uint256) {
        vm.prank(user);
        return manager.open{value: terms.token == ETH ? terms.amount : 0}(terms);
    }

    function openEth() internal returns (uint256) {
        return open(termsIn(ETH));
    }

    function openDollar() internal returns (uint256) {
        return open(termsIn(address(dollar)));
    }

    /// @dev Settled by attestation, on one node.
    function openAttested() internal returns (uint256) {
        ISessionManager.Terms memory terms = termsIn(address(dollar));
        terms.account = ACCOUNT;
        return open(terms);
    }

    /// @dev Settled by attestation, on any node.
    function openRoaming() internal returns (uint256) {
        ISessionManager.Terms memory terms = termsIn(address(dollar));
        terms.account = ACCOUNT;
        terms.node = bytes20(0);
        return open(terms);
    }

    // ------------------------------------------------------------------ receipts

    function receipt(uint256 id, uint256 amount) internal view returns (bytes memory) {
        return signature(userKey, manager.receiptDigest(id, amount));
    }

    function claim(uint256 id, uint256 amount) internal {
        claimAs(operator, id, amount);
    }

    function claimAs(address who, uint256 id, uint256 amount) internal {
        bytes memory signed = receipt(id, amount);
        vm.prank(who);
        manager.claim(id, amount, signed);
    }

    function present(uint256 id, uint256 amount) internal {
        presentAs(operator, id, amount);
    }

    function presentAs(address who, uint256 id, uint256 amount) internal {
        bytes memory signed = receipt(id, amount);
        vm.prank(who);
        manager.present(id, amount, signed);
    }

    /// @dev A good receipt, and yet not for `who` or not now.
    function claimRefused(address who, uint256 id, uint256 amount, bytes4 why) internal {
        bytes memory signed = receipt(id, amount);
        vm.prank(who);
        vm.expectRevert(why);
        manager.claim(id, amount, signed);
    }

    /// @dev A good receipt, and yet not for `who` or not now.
    function presentRefused(address who, uint256 id, uint256 amount, bytes4 why) internal {
        bytes memory signed = receipt(id, amount);
        vm.prank(who);
        vm.expectRevert(why);
        manager.present(id, amount, signed);
    }

    function close(uint256 id) internal {
        vm.prank(user);
        manager.close(id);
    }

    function disputeAs(address who, uint256 id) internal {
        vm.prank(who);
        manager.dispute{value: BOND}(id, "evidence");
    }

    // ------------------------------------------------------------------ committee

    /// @dev Signatures of the first `count` members, in the order of their addresses.
    function votes(bytes32 structHash, uint256 count) internal view returns (ISessionManager.Votes memory v) {
        v.signatures = new bytes[](count);
        v.signers = new address[](count);
        v.version = committee.committeeVersion();
        for (uint256 i = 0; i < count; ++i) {
            v.signers[i] = members[i];
            v.signatures[i] = signature(memberKeys[i], committee.digest(structHash));
        }
    }

    function votesFor(ISessionManager.Usage[] memory usages, uint64 epoch)
        internal
        view
        returns (ISessionManager.Votes memory)
    {
        uint64 version = committee.committeeVersion();
        return votes(manager.usageHash(usages, epoch, version), committee.threshold());
    }

    function votesFor(ISessionManager.Resolution memory resolution)
        internal
        view
        returns (ISessionManager.Votes memory)
    {
        uint64 version = committee.committeeVersion();
        return votes(manager.resolutionHash(resolution, version), committee.threshold());
    }

    function usageOf(uint256 id, bytes20 node, uint256 amount)
        internal
        view
        returns (ISessionManager.Usage[] memory usages)
    {
        usages = new ISessionManager.Usage[](1);
        usages[0] = ISessionManager.Usage(id, ACCOUNT, node, manager.usageOf(id, node), amount);
    }

    function attest(uint256 id, uint256 amount, uint64 epoch) internal returns (uint256) {
        ISessionManager.Usage[] memory usages = usageOf(id, NODE, amount);
        ISessionManager.Votes memory signed = votesFor(usages, epoch);
        return manager.settleUsage(usages, epoch, signed);
    }

    /// @dev A decision that pays nothing more.
    function decision(uint256 id, bool upheld) internal pure returns (ISessionManager.Resolution memory d) {
        d.sessionId = id;
        d.upheld = upheld;
    }

    /// @dev A decision that pays `amount` more to the operator of `node`.
    function decision(uint256 id, bytes20 node, uint256 amount, bool upheld)
        internal
        pure
        returns (ISessionManager.Resolution memory d)
    {
        d = decision(id, upheld);
        d.shares = new ISessionManager.Share[](1);
        d.shares[0] = ISessionManager.Share(node, amount);
    }

    function resolve(ISessionManager.Resolution memory d) internal {
        ISessionManager.Votes memory signed = votesFor(d);
        manager.resolve(d, signed);
    }

    // ------------------------------------------------------------------ what to see

    function stateOf(uint256 id) internal view returns (ISessionManager.State) {
        return manager.session(id).state;
    }

    function assertState(uint256 id, ISessionManager.State state) internal view {
        assertEq(uint256(stateOf(id)), uint256(state), "state");
    }

    function balance(address who, address token) internal view returns (uint256) {
        return token == ETH ? who.balance : dollar.balanceOf(who);
    }

    /// @dev What the splitter has credited to operator, treasury and stakers sums to `amount`, 80/10/10.
    function assertSplit(address token, uint256 amount) internal view {
        assertEq(splitter.pending(operator, token), amount - 2 * (amount / 10), "operator's share");
        assertEq(splitter.treasuryPending(token), amount / 10, "treasury's share");
        assertEq(splitter.stakerPool(token), amount / 10, "stakers' share");
        assertEq(balance(address(splitter), token), amount, "splitter's balance");
    }

    /// @dev Neither contract owes more, or less, than it has.
    function assertSolvent(address token) internal view {
        assertEq(balance(address(manager), token), manager.liabilities(token), "manager");
        assertEq(balance(address(splitter), token), splitter.liabilities(token), "splitter");
    }

    function _addMember(string memory name) private {
        (address who, uint256 key) = makeAddrAndKey(name);
        members.push(who);
        memberKeys.push(key);
        for (uint256 i = members.length - 1; i > 0 && members[i - 1] > members[i]; --i) {
            (members[i - 1], members[i]) = (members[i], members[i - 1]);
            (memberKeys[i - 1], memberKeys[i]) = (memberKeys[i], memberKeys[i - 1]);
        }
    }
}
