// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {NodeProof} from "../../src/interfaces/INodeRegistry.sol";
import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {NodeProofs} from "../../src/libraries/NodeProofs.sol";
import {Secp256k1} from "../../src/libraries/Secp256k1.sol";
import {DeployedTest} from "../deploy/DeployedTest.sol";
import {Vm} from "../utils/Vm.sol";

/// @notice The deployed system with a committee, a node and sessions under way.
abstract contract World is DeployedTest {
    struct NodeKey {
        uint256 secret;
        bytes pubKey;
        bytes20 node;
    }

    bytes20 internal constant ACCOUNT = bytes20(uint160(0xacc1));
    uint256 internal constant MEMBERS = 9;

    address internal operator = makeAddr("operator");
    address internal user;
    uint256 internal userKey;
    mapping(address member => uint256) internal memberKeys;

    NodeKey internal node;
    NodeKey internal freshNode;
    /// @dev Settled by receipts, in ETH.
    uint256 internal session;
    /// @dev Settled by attestation, in ETH.
    uint256 internal attestedSession;
    /// @dev Settled by attestation, on any node; not open before `_openRoaming`.
    uint256 internal roamingSession;

    function _configure() internal virtual override {
        (user, userKey) = makeAddrAndKey("user");
        address[] memory members = new address[](MEMBERS);
        for (uint256 i = 0; i < MEMBERS; ++i) {
            uint256 key;
            (members[i], key) = makeAddrAndKey(string.concat("member ", vm.toString(i)));
            memberKeys[members[i]] = key;
            for (uint256 j = i; j > 0 && members[j] < members[j - 1]; --j) {
                (members[j], members[j - 1]) = (members[j - 1], members[j]);
            }
        }
        config.committee = members;
        vm.deal(address(this), 100 ether);
    }

    function setUp() public virtual override {
        super.setUp();
        vm.deal(operator, 1_000 ether);
        vm.deal(user, 1_000 ether);
        vm.deal(stranger, 1_000 ether);
        node = _nodeKey("node");
        freshNode = _nodeKey("fresh node");
        _register(node, operator, 2 ether);
        vm.prank(address(system.oracle));
        system.nodes.updateReputationScore(node.node, 800);
        session = _open(bytes20(0));
        attestedSession = _open(ACCOUNT);
    }

    function _nodeKey(string memory name) internal returns (NodeKey memory key) {
        Vm.Wallet memory wallet = vm.createWallet(name);
        key.secret = wallet.privateKey;
        key.pubKey = abi.encodePacked(uint8(2 + (wallet.publicKeyY & 1)), wallet.publicKeyX);
        key.node = Secp256k1.cosmosAddress(key.pubKey);
    }

    function _proof(NodeKey memory key, address newOperator) internal view returns (NodeProof memory) {
        return _proofOf(key, system.nodes.registrationMessage(key.node, newOperator));
    }

    function _proofOf(NodeKey memory key, string memory text) internal pure returns (NodeProof memory) {
        (, bytes32 r, bytes32 s) = vm.sign(key.secret, sha256(bytes(text)));
        return NodeProof(key.pubKey, abi.encodePacked(r, s), NodeProofs.RAW);
    }

    function _register(NodeKey memory key, address newOperator, uint256 stake) internal {
        bytes memory data = _registration(key, newOperator);
        vm.prank(newOperator);
        (bool done, bytes memory why) = address(system.nodes).call{value: stake}(data);
        assertTrue(done, vm.toString(why));
    }

    function _registration(NodeKey memory key, address newOperator) internal view returns (bytes memory) {
        NodeProof memory proof = _proof(key, newOperator);
        return
            abi.encodeCall(system.nodes.registerNode, (key.node, proof.pubKey, proof.signature, proof.form));
    }

    function _terms(bytes20 account) internal view returns (ISessionManager.Terms memory) {
        return ISessionManager.Terms(node.node, account, address(0), user, 1 ether, 1 days);
    }

    function _open(bytes20 account) internal returns (uint256) {
        ISessionManager.Terms memory terms = _terms(account);
        vm.prank(user);
        return system.sessions.open{value: terms.amount}(terms);
    }

    /// @dev A session on any node, in which the node was paid for usage.
    function _openRoaming() internal returns (uint256 id) {
        ISessionManager.Terms memory terms = _terms(ACCOUNT);
        terms.node = bytes20(0);
        vm.prank(user);
        id = system.sessions.open{value: terms.amount}(terms);
        ISessionManager.Usage[] memory usages = new ISessionManager.Usage[](1);
        usages[0] = ISessionManager.Usage(id, ACCOUNT, node.node, 0, 0.1 ether);
        uint64 epoch = uint64(vm.getBlockTimestamp() / 1 hours - 1);
        uint64 version = system.oracle.committeeVersion();
        (address[] memory signers, bytes[] memory signatures) =
            _votes(system.sessions.usageHash(usages, epoch, version), system.oracle.threshold());
        system.sessions.settleUsage(usages, epoch, ISessionManager.Votes(signatures, signers, version));
    }

    function _receipt(uint256 id, uint256 amount) internal view returns (bytes memory) {
        return signature(userKey, system.sessions.receiptDigest(id, amount));
    }

    /// @dev The operator claims by the user's receipt over `amount`.
    function _claim(uint256 id, uint256 amount) internal {
        bytes memory receipt = _receipt(id, amount);
        vm.prank(operator);
        system.sessions.claim(id, amount, receipt);
    }

    /// @dev The first `count` members and their signatures.
    function _votes(bytes32 structHash, uint256 count)
        internal
        view
        returns (address[] memory signers, bytes[] memory signatures)
    {
        bytes32 digest = system.oracle.digest(structHash);
        signers = new address[](count);
        signatures = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            signers[i] = config.committee[i];
            signatures[i] = signature(memberKeys[signers[i]], digest);
        }
    }

    function _list(bytes20 entry) internal pure returns (bytes20[] memory list) {
        list = new bytes20[](1);
        list[0] = entry;
    }
}
