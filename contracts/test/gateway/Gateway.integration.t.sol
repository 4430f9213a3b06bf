// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {INodeRegistry, NodeProof} from "../../src/interfaces/INodeRegistry.sol";
import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {PaymentSplitter} from "../../src/gateway/PaymentSplitter.sol";
import {SessionManager} from "../../src/gateway/SessionManager.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {DollarCoin} from "../mocks/tokens/DollarCoin.sol";
import {ReputationBase} from "../reputation/ReputationBase.sol";

/// @notice The gateway with the real parameters, registry and committee around it.
contract GatewayIntegrationTest is ReputationBase {
    bytes20 private constant ACCOUNT = bytes20(uint160(0xacc1));

    PaymentSplitter private splitter;
    SessionManager private sessions;
    DollarCoin private dollar;
    address private user;
    uint256 private userKey;

    function setUp() public override {
        super.setUp();
        dollar = new DollarCoin();
        // At the place of the sink that the registry was wired with.
        vm.etch(address(sink), address(new PaymentSplitter(params, registry)).code);
        splitter = PaymentSplitter(address(sink));
        sessions = new SessionManager(params, registry, oracle, splitter);
        vm.startPrank(governor);
        params.setAcceptedToken(address(dollar), true);
        vm.stopPrank();
        (user, userKey) = makeAddrAndKey("user");
        dollar.mint(user, 1_000e6);
        vm.prank(user);
        dollar.approve(address(sessions), type(uint256).max);
        register(node1, alice, MIN_STAKE);
        register(node2, bob, 3 * MIN_STAKE);
        setScore(node1, 800);
        setScore(node2, 800);
    }

    function open(bytes20 account) private returns (uint256) {
        ISessionManager.Terms memory terms =
            ISessionManager.Terms(node1.node, account, address(dollar), address(0), 100e6, 1 days);
        vm.prank(user);
        return sessions.open(terms);
    }

    function votesFor(bytes32 structHash, uint256 count)
        private
        view
        returns (ISessionManager.Votes memory votes)
    {
        (votes.signers, votes.signatures) = signed(structHash, count);
        votes.version = oracle.committeeVersion();
    }

    function test_CollaboratorsCanBeRead() public view {
        assertEq(address(sessions.parameterRegistry()), address(params));
        assertEq(address(sessions.nodeRegistry()), address(registry));
        assertEq(address(sessions.reputationOracle()), address(oracle));
        assertEq(address(sessions.paymentSplitter()), address(splitter));
        assertEq(address(splitter.parameterRegistry()), address(params));
        assertEq(address(splitter.nodeRegistry()), address(registry));
    }

    /// @dev From the deposit to the operator's, the treasury's and each staker's pocket.
    function test_ByReceipts() public {
        uint256 id = open(bytes20(0));
        bytes memory receipt = signature(userKey, sessions.receiptDigest(id, 80e6));
        vm.prank(alice);
        sessions.complete(id, 80e6, receipt);

        vm.prank(user);
        sessions.withdraw(address(dollar));
        assertEq(dollar.balanceOf(user), 920e6);
        splitter.collectTreasury(address(dollar));
        assertEq(dollar.balanceOf(treasury), 8e6);
        splitter.harvest(node1.node, address(dollar));
        splitter.harvest(node2.node, address(dollar));
        vm.prank(alice);
        splitter.withdraw(address(dollar));
        vm.prank(bob);
        splitter.withdraw(address(dollar));
        // Stakes are 1 : 3, scores are equal; a fraction may wait.
        assertGe(dollar.balanceOf(alice), 64e6 + 2e6 - 1, "operator and staker");
        assertGe(dollar.balanceOf(bob), 6e6 - 1, "staker");
        assertEq(dollar.balanceOf(address(splitter)), splitter.stakerPool(address(dollar)));
        assertLe(splitter.stakerPool(address(dollar)), 2, "fractions");
        assertEq(dollar.balanceOf(address(sessions)), 0);
    }

    function test_ByAttestationOfTheRealCommittee() public {
        uint256 id = open(ACCOUNT);
        ISessionManager.Usage[] memory usages = new ISessionManager.Usage[](1);
        usages[0] = ISessionManager.Usage(id, ACCOUNT, node1.node, 0, 30e6);
        bytes32 structHash = sessions.usageHash(usages, 1, oracle.committeeVersion());
        ISessionManager.Votes memory votes = votesFor(structHash, THRESHOLD - 1);
        vm.expectRevert(ISessionManager.SessionManagerNotAttested.selector);
        sessions.settleUsage(usages, 1, votes);
        votes = votesFor(structHash, THRESHOLD);
        (votes.signers[0], votes.signers[1]) = (votes.signers[1], votes.signers[0]);
        vm.expectRevert(ISessionManager.SessionManagerNotAttested.selector);
        sessions.settleUsage(usages, 1, votes);
        votes = votesFor(structHash, THRESHOLD);
        assertEq(sessions.settleUsage(usages, 1, votes), 1);
        assertEq(splitter.pending(alice, address(dollar)), 24e6);
    }

    function test_DisputeDecidedByTheRealCommittee() public {
        uint256 id = open(ACCOUNT);
        uint256 bond = params.get(ParameterKeys.DISPUTE_BOND);
        vm.prank(alice);
        sessions.dispute{value: bond}(id, "evidence");
        ISessionManager.Resolution memory decision =
            ISessionManager.Resolution(id, new ISessionManager.Share[](1), true);
        decision.shares[0] = ISessionManager.Share(node1.node, 50e6);
        bytes32 structHash = sessions.resolutionHash(decision, oracle.committeeVersion());
        sessions.resolve(decision, votesFor(structHash, THRESHOLD));
        assertEq(splitter.pending(alice, address(dollar)), 40e6);
        assertEq(sessions.credit(user, address(dollar)), 50e6);
        assertEq(sessions.credit(alice, address(0)), bond);
    }

    /// @dev The splitter's weights are the registry's, through all that can happen to a node.
    function test_WeightsFollowTheRegistry() public {
        assertWeights();
        setScore(node1, 300);
        assertWeights();
        vm.prank(alice);
        registry.topUp{value: 2 ether}(node1.node);
        assertWeights();
        slashNode(node2.node, 100);
        assertWeights();
        vm.prank(governor);
        registry.blacklist(node2.node);
        assertWeights();
        vm.prank(alice);
        registry.deregisterNode(node1.node);
        assertWeights();
        assertEq(splitter.totalWeight(), 0);
    }

    /// @dev A key that was given up cannot be made to count beside its successor.
    function test_WeightMovesWithTheKey() public {
        uint256 before = splitter.totalWeight();
        bytes20 old = node1.node;
        string memory text = registry.keyChangeMessage(old, node3.node, alice);
        NodeProof memory oldProof = proofOf(node1, text);
        NodeProof memory newProof = proofOf(node3, text);
        vm.prank(alice);
        registry.changeKey(old, node3.node, oldProof, newProof);
        splitter.sync(old);
        splitter.sync(node3.node);
        (uint256 oldWeight,) = splitter.staker(old);
        (uint256 newWeight, address beneficiary) = splitter.staker(node3.node);
        assertEq(oldWeight, 0);
        assertGt(newWeight, 0, "moved");
        assertEq(beneficiary, alice);
        assertEq(splitter.totalWeight(), before);
    }

    /// @dev A new operator earns from the hand-over on, the old one keeps what it earned.
    function test_RewardsAtAnOperatorChange() public {
        pay(100e6);
        vm.prank(alice);
        registry.offerOperator(node1.node, stranger);
        string memory text = registry.registrationMessage(node1.node, stranger);
        NodeProof memory proof = proofOf(node1, text);
        vm.prank(stranger);
        registry.acceptOperator(node1.node, proof);
        uint256 earned = splitter.pending(alice, address(dollar));
        assertGe(earned, 2.5e6 - 1, "credited at the hand-over");
        pay(100e6);
        splitter.harvest(node1.node, address(dollar));
        assertEq(splitter.pending(alice, address(dollar)), earned);
        assertGe(splitter.pending(stranger, address(dollar)), 2.5e6 - 1, "the new one's");
    }

    /// @dev What a node that left had earned is still there for its operator.
    function test_RewardsAfterTheNodeHasGone() public {
        pay(100e6);
        vm.startPrank(alice);
        registry.deregisterNode(node1.node);
        skip(UNBONDING);
        registry.withdrawStake(node1.node, alice);
        vm.stopPrank();
        assertEq(registry.operatorOf(node1.node), address(0));
        splitter.sync(node1.node);
        splitter.harvest(node1.node, address(dollar));
        assertGe(splitter.pending(alice, address(dollar)), 2.5e6 - 1, "kept");
    }

    /// @dev With the real pause and blacklist on: nothing new comes in, everything gets out.
    function test_ExitsWhilePausedAndBlacklisted() public {
        uint256 id = open(bytes20(0));
        uint256 other = open(bytes20(0));
        vm.prank(guardian);
        params.blacklistNode(node1.node, "reason");
        ISessionManager.Terms memory terms =
            ISessionManager.Terms(node1.node, bytes20(0), address(dollar), address(0), 100e6, 1 days);
        vm.prank(user);
        vm.expectRevert(
            abi.encodeWithSelector(ISessionManager.SessionManagerNodeNotInStanding.selector, node1.node)
        );
        sessions.open(terms);
        pause();
        terms.node = node2.node;
        vm.prank(user);
        vm.expectRevert(ISessionManager.SessionManagerPaused.selector);
        sessions.open(terms);

        bytes memory receipt = signature(userKey, sessions.receiptDigest(id, 80e6));
        vm.prank(alice);
        sessions.claim(id, 80e6, receipt);
        vm.prank(user);
        sessions.close(id);
        skip(4 days);
        sessions.finalize(id);
        sessions.finalize(other);
        vm.prank(user);
        sessions.withdraw(address(dollar));
        assertEq(dollar.balanceOf(user), 920e6);
        vm.prank(alice);
        splitter.withdraw(address(dollar));
        assertEq(dollar.balanceOf(alice), 64e6);
    }

    /// @dev A node cannot use a call with little gas to keep its weight.
    function test_LittleGasCannotSuppressAReport() public {
        vm.prank(alice);
        (bool success, bytes memory answer) =
            address(registry).call{gas: 1_000_000}(abi.encodeCall(registry.deregisterNode, (node1.node)));
        assertFalse(success, "refused");
        assertEq(answer, abi.encodeWithSelector(INodeRegistry.NodeRegistryTooLittleGas.selector));
        assertWeights();
    }

    function pay(uint256 amount) private {
        vm.startPrank(user);
        dollar.approve(address(splitter), amount);
        splitter.split(node2.node, bob, address(dollar), amount);
        vm.stopPrank();
    }

    function assertWeights() private view {
        (uint256 weight1,) = splitter.staker(node1.node);
        (uint256 weight2,) = splitter.staker(node2.node);
        assertEq(weight1, registry.rewardWeight(node1.node), "node 1");
        assertEq(weight2, registry.rewardWeight(node2.node), "node 2");
        assertEq(splitter.totalWeight(), registry.totalRewardWeight(), "total");
    }
}
