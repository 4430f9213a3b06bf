// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessPolicy} from "../../src/access/AccessPolicy.sol";
import {ParameterRegistry} from "../../src/governance/ParameterRegistry.sol";
import {NodeProof} from "../../src/interfaces/INodeRegistry.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {Secp256k1} from "../../src/libraries/Secp256k1.sol";
import {NodeProofs} from "../../src/libraries/NodeProofs.sol";
import {NodeRegistry} from "../../src/reputation/NodeRegistry.sol";
import {ReputationOracle} from "../../src/reputation/ReputationOracle.sol";
import {SlashingManager} from "../../src/reputation/SlashingManager.sol";
import {TestMemes} from "../../src/test/TestMemes.sol";
import {RecordingSink} from "../mocks/Sinks.sol";
import {InvariantTest} from "../utils/InvariantTest.sol";
import {Vm} from "../utils/Vm.sol";

/// @title ReputationBase
/// @notice The contracts of stake, scores and slashing, wired as they are deployed, with a committee of seven.
abstract contract ReputationBase is InvariantTest {
    /// @notice A node's key.
    struct NodeKey {
        uint256 secret;
        bytes pubKey;
        bytes20 node;
    }

    uint256 internal constant START = 1_900_000_000;
    uint256 internal constant MIN_STAKE = 0.5 ether;
    uint256 internal constant UNBONDING = 21 days;
    uint256 internal constant MEMBERS = 7;
    uint256 internal constant THRESHOLD = 5;

    address internal governor = makeAddr("governor");
    address internal guardian = makeAddr("guardian");
    address internal treasury = makeAddr("treasury");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
    address internal stranger = makeAddr("stranger");

    ParameterRegistry internal params;
    NodeRegistry internal registry;
    ReputationOracle internal oracle;
    SlashingManager internal manager;
    RecordingSink internal sink;

    address[] internal members;
    mapping(address member => uint256) internal memberKeys;

    NodeKey internal node1;
    NodeKey internal node2;
    NodeKey internal node3;

    function setUp() public virtual {
        vm.warp(START);
        TestMemes memes = new TestMemes();
        AccessPolicy access = new AccessPolicy(governor, address(memes), address(0), address(0), 1);
        params = new ParameterRegistry(governor, guardian, address(this), access, treasury, new address[](0));
        registry = new NodeRegistry(params, governor, address(this));
        oracle = new ReputationOracle(params, registry, governor, address(this));
        manager = new SlashingManager(params, registry, oracle, governor);
        sink = new RecordingSink();
        setParameter(ParameterKeys.ORACLE_COMMITTEE_SIZE, MEMBERS);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            _addMember(string.concat("member", vm.toString(i)));
        }
        registry.wire(address(oracle), address(manager), address(sink));
        oracle.wire(address(manager), members);
        params.wireStandingListener(address(registry));

        node1 = nodeKey("node1");
        node2 = nodeKey("node2");
        node3 = nodeKey("node3");
        vm.deal(alice, 1_000 ether);
        vm.deal(bob, 1_000 ether);
        vm.deal(stranger, 1_000 ether);
    }

    // ------------------------------------------------------------------------------------------------ nodes

    function nodeKey(string memory name) internal returns (NodeKey memory key) {
        Vm.Wallet memory wallet = vm.createWallet(name);
        key.secret = wallet.privateKey;
        key.pubKey = abi.encodePacked(uint8(2 + (wallet.publicKeyY & 1)), wallet.publicKeyX);
        key.node = Secp256k1.cosmosAddress(key.pubKey);
    }

    /// @dev r || s over sha256 of `text`.
    function rawSignature(NodeKey memory key, string memory text) internal pure returns (bytes memory) {
        (, bytes32 r, bytes32 s) = vm.sign(key.secret, sha256(bytes(text)));
        return abi.encodePacked(r, s);
    }

    function proofOf(NodeKey memory key, string memory text) internal pure returns (NodeProof memory) {
        return NodeProof({pubKey: key.pubKey, signature: rawSignature(key, text), form: NodeProofs.RAW});
    }

    function register(NodeKey memory key, address operator, uint256 stake) internal {
        bytes memory proof = rawSignature(key, registry.registrationMessage(key.node, operator));
        vm.prank(operator);
        registry.registerNode{value: stake}(key.node, key.pubKey, proof, NodeProofs.RAW);
    }

    function setScore(NodeKey memory key, uint16 score) internal {
        vm.prank(address(oracle));
        registry.updateReputationScore(key.node, score);
    }

    function slashNode(bytes20 node, uint256 bps) internal returns (uint256) {
        vm.prank(address(manager));
        return registry.slash(node, bps, "TEST");
    }

    // ------------------------------------------------------------------------------------------------ committee

    /// @dev Keeps `members` ascending.
    function _addMember(string memory name) internal returns (address member) {
        uint256 key;
        (member, key) = makeAddrAndKey(name);
        memberKeys[member] = key;
        vm.deal(member, 100 ether);
        vm.prank(member);
        oracle.bond{value: 1 ether}(member);
        members.push(member);
        for (uint256 i = members.length - 1; i > 0 && members[i] < members[i - 1]; --i) {
            (members[i], members[i - 1]) = (members[i - 1], members[i]);
        }
    }

    /// @dev A member of whom a rotation can take notice.
    function _addCandidate(string memory name) internal returns (address candidate) {
        candidate = _addMember(name);
        _consent(candidate);
    }

    function _consent(address candidate) internal {
        vm.prank(candidate);
        oracle.consent(candidate, timestamp() + 1 days);
    }

    /// @dev The first `count` of the present members and their signatures.
    function signed(bytes32 structHash, uint256 count)
        internal
        view
        returns (address[] memory signers, bytes[] memory signatures)
    {
        bytes32 digest = oracle.digest(structHash);
        address[] memory all = oracle.members();
        signers = new address[](count);
        signatures = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            signers[i] = all[i];
            signatures[i] = signature(memberKeys[all[i]], digest);
        }
    }

    // ------------------------------------------------------------------------------------------------ governance

    function setParameter(bytes32 key, uint256 value) internal {
        vm.prank(governor);
        params.set(key, value);
    }

    function pause() internal {
        vm.prank(guardian);
        params.pause();
    }

    function timestamp() internal view returns (uint64) {
        return uint64(vm.getBlockTimestamp());
    }

    // ------------------------------------------------------------------------------------------------ assertions

    function assertNode(bytes20 left, bytes20 right) internal pure {
        assertEq(address(left), address(right), "node");
    }

    function assertSolvent() internal view {
        (uint256 staked, uint256 unbonding) = registry.totals();
        uint256 owed = registry.due(alice) + registry.due(bob) + registry.due(stranger);
        assertEq(
            address(registry).balance, staked + unbonding + owed + registry.treasuryDue(), "registry solvent"
        );
    }

    function assertStanding(bytes20 node, bool registered, bool active, uint256 stake, uint256 score)
        internal
        view
    {
        (bool isRegistered, bool isActive, uint256 hasStake, uint16 hasScore,,) = registry.standing(node);
        assertEq(isRegistered, registered, "registered");
        assertEq(isActive, active, "active");
        assertEq(hasStake, stake, "stake");
        assertEq(hasScore, score, "score");
    }
}
