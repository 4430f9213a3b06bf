// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Bundles} from "../../script/Bundles.s.sol";
import {Actors, System} from "../../script/lib/System.sol";
import {IAccessPolicy} from "../../src/interfaces/IAccessPolicy.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {TestGallery} from "../../src/test/TestGallery.sol";
import {DeployedTest} from "./DeployedTest.sol";

/// @notice The script, with its files in memory.
contract BundlesInMemory is Bundles {
    System private _made;
    Actors private _who;
    mapping(string file => string json) public files;

    constructor(System memory made, Actors memory who) {
        _made = made;
        _who = who;
    }

    function _system() internal view override returns (System memory) {
        return _made;
    }

    function _actors() internal view override returns (Actors memory) {
        return _who;
    }

    function _write(string memory file, string memory json) internal override {
        files[file] = json;
    }
}

/// @notice Each governed action's bundle does what it says, sent by the multisigs as it is in the file.
contract BundlesTest is DeployedTest {
    bytes20 private constant NODE = bytes20(hex"a1");

    BundlesInMemory private bundles;

    function setUp() public override {
        super.setUp();
        bundles = new BundlesInMemory(system, config.actors);
    }

    // ------------------------------------------------------------- parameters

    function test_Set() public {
        bundles.set("CREDENTIAL_TTL", 2 hours);
        _run("set", 1 days);
        assertEq(system.parameters.get(ParameterKeys.CREDENTIAL_TTL), 2 hours);
    }

    function test_SetMany() public {
        string[] memory names = new string[](2);
        (names[0], names[1]) = ("FEE_FLOOR", "FEE_CEILING");
        uint256[] memory values = new uint256[](2);
        (values[0], values[1]) = (3, 4);
        bundles.setMany(names, values);
        _run("setMany", 1 days);
        assertEq(system.parameters.get(ParameterKeys.FEE_CEILING), 4);
    }

    function test_SetFeeShares() public {
        bundles.setFeeShares(7_500, 1_500, 1_000);
        _run("setFeeShares", 3 days);
        (uint16 operator,,) = system.parameters.feeShares();
        assertEq(operator, 7_500);
    }

    function test_SetReputationWeights() public {
        bundles.setReputationWeights(400, 200, 200, 200);
        _run("setReputationWeights", 3 days);
        (uint16 uptime,,,) = system.parameters.reputationWeights();
        assertEq(uptime, 400);
    }

    function test_SetAcceptedToken() public {
        bundles.setAcceptedToken(system.memes, true);
        _run("setAcceptedToken", 3 days);
        assertTrue(system.parameters.acceptedToken(system.memes));
    }

    function test_SetTreasury() public {
        bundles.setTreasury(stranger);
        _run("setTreasury", 7 days);
        assertEq(system.parameters.treasury(), stranger);
    }

    function test_ApproveConfig() public {
        bundles.approveConfig("BRIDGE_ORACLE", "hash");
        _run("approveConfig", 1 days);
        assertEq(system.parameters.policyForOracle().configHash, bytes32("hash"));
    }

    function test_RenewAndEndPause() public {
        bundles.renewPause(20 days);
        _run("renewPause", 1 days);
        assertTrue(system.parameters.paused());
        bundles.endPause();
        _run("endPause", 1 days);
        assertFalse(system.parameters.paused());
    }

    function test_ExtendAndEndBlacklist() public {
        bundles.extendBlacklist(NODE, type(uint64).max, "proven");
        _run("extendBlacklist", 1 days);
        assertTrue(system.parameters.nodeBlacklisted(NODE));
        bundles.endBlacklist(NODE);
        _run("endBlacklist", 1 days);
        assertFalse(system.parameters.nodeBlacklisted(NODE));
    }

    // ----------------------------------------------------------------- access

    function test_SetThisCard() public {
        bundles.setThisCard(42);
        _run("setThisCard", 3 days);
        assertEq(system.access.thisCardTokenId(), 42);
    }

    function test_AddAndRemoveCollection() public {
        address gallery = address(new TestGallery());
        bundles.addCollection(gallery, false, 2, new uint256[](0));
        _run("addCollection", 3 days);
        assertTrue(system.access.collections()[0].tier == IAccessPolicy.Tier.Free);
        bundles.removeCollection(gallery);
        _run("removeCollection", 3 days);
        assertEq(system.access.collections().length, 0);
        bundles.addCollection(system.access.nftDelegation(), true, 1, new uint256[](1));
        _run("addCollection", 3 days);
        assertTrue(system.access.collections()[0].standard == IAccessPolicy.Standard.Erc1155);
    }

    function test_SetUseCasesAndRights() public {
        bundles.setUseCases(new uint256[](0));
        _run("setUseCases", 3 days);
        assertEq(system.access.acceptedUseCases().length, 0);
        bundles.setRights(new bytes32[](2));
        _run("setRights", 3 days);
        assertEq(system.access.acceptedRights().length, 2);
    }

    // ------------------------------------------------------------- reputation

    function test_BanAndUnbanNode() public {
        bundles.banNode(NODE);
        _run("banNode", 3 days);
        (,,,, bool blacklisted,) = system.nodes.standing(NODE);
        assertTrue(blacklisted);
        bundles.unbanNode(NODE);
        _run("unbanNode", 3 days);
        (,,,, blacklisted,) = system.nodes.standing(NODE);
        assertFalse(blacklisted);
    }

    /// @dev The end of the bootstrap phase: one bundle, once a committee posts scores.
    function test_requireScores() public {
        assertEq(system.parameters.get(ParameterKeys.MIN_ACTIVATION_SCORE), 0);
        bundles.requireScores(100);
        _run("requireScores", 3 days);
        assertEq(system.parameters.get(ParameterKeys.MIN_ACTIVATION_SCORE), 100);
        assertEq(system.parameters.policyForOracle().minScore, 100);
    }

    function test_SetCommittee() public {
        address[] memory members = new address[](9);
        vm.deal(address(this), 9 ether);
        for (uint160 i = 0; i < 9; ++i) {
            members[i] = address(1_000 + i);
            system.oracle.bond{value: 1 ether}(members[i]);
            vm.prank(members[i]);
            system.oracle.consent(members[i], uint64(vm.getBlockTimestamp() + 30 days));
        }
        bundles.setCommittee(members);
        _run("setCommittee", 7 days);
        assertEq(system.oracle.members().length, 9);
    }

    function test_VetoAndRuleReachTheSlashingManager() public {
        bundles.veto(1);
        vm.expectCall(address(system.slashing), abi.encodeCall(system.slashing.veto, (1)));
        _mock(abi.encodeCall(system.slashing.veto, (1)), "");
        _run("veto", 1 days);
        bundles.rule(2, true);
        vm.expectCall(address(system.slashing), abi.encodeCall(system.slashing.rule, (2, true)));
        _mock(abi.encodeCall(system.slashing.rule, (2, true)), abi.encode(0));
        _run("rule", 3 days);
    }

    // ------------------------------------------------------------------ power

    function test_GrantAndRevokeRole() public {
        bytes32 pauser = system.parameters.PAUSER_ROLE();
        bundles.grantRole("ParameterRegistry", "PAUSER_ROLE", stranger);
        _run("grantRole", 7 days);
        assertTrue(system.parameters.hasRole(pauser, stranger));
        bundles.revokeRole("ParameterRegistry", "PAUSER_ROLE", stranger);
        _run("revokeRole", 7 days);
        assertFalse(system.parameters.hasRole(pauser, stranger));
    }

    function test_RevertWhen_TheContractIsUnknown() public {
        vm.expectRevert(abi.encodeWithSelector(Bundles.BundlesUnknownContract.selector, "Nothing"));
        bundles.grantRole("Nothing", "PAUSER_ROLE", stranger);
    }

    function test_UpdateDelay() public {
        bundles.updateDelay(2 days);
        _run("updateDelay", 7 days);
        assertEq(system.timelock.getMinDelay(), 2 days);
    }

    function test_HandOver() public {
        bundles.handOver(2);
        _run("handOver", 7 days);
        assertTrue(system.timelock.hasRole(system.timelock.PROPOSER_ROLE(), executor));
        assertFalse(system.timelock.hasRole(system.timelock.PROPOSER_ROLE(), core));
    }

    function test_CallMovesWhatTheTimelockHolds() public {
        vm.deal(address(system.timelock), 3 ether);
        bundles.call(stranger, 2 ether, "");
        _run("call", 3 days);
        assertEq(stranger.balance, 2 ether);
    }

    function test_CancelStopsAnOperation() public {
        bundles.setTreasury(stranger);
        _send(core, "setTreasury.schedule");
        _send(core, "setTreasury.cancel");
        skip(7 days);
        (address to, bytes memory data) = _parse("setTreasury.execute");
        vm.prank(executor);
        (bool done,) = to.call(data);
        assertFalse(done);
    }

    // ---------------------------------------------------- guardian and council

    function test_TheGuardiansBundlesWorkAtOnce() public {
        bundles.pause();
        _send(guardian, "pause");
        assertTrue(system.parameters.paused());
        bundles.unpause();
        _send(guardian, "unpause");
        assertFalse(system.parameters.paused());
        bundles.blacklistNode(NODE, "attack");
        _send(guardian, "blacklistNode");
        assertTrue(system.parameters.nodeBlacklisted(NODE));
        bundles.clearNode(NODE);
        _send(guardian, "clearNode");
        assertFalse(system.parameters.nodeBlacklisted(NODE));
    }

    // ----------------------------------------------------------------- format

    function test_TheFileIsAsTheTransactionBuilderWantsIt() public {
        bundles.pause();
        string memory json = bundles.files("pause");
        assertEq(vm.parseJsonString(json, ".version"), "1.0");
        assertEq(vm.parseJsonString(json, ".chainId"), vm.toString(block.chainid));
        assertEq(vm.parseJsonString(json, ".meta.name"), "pause");
        assertEq(vm.parseJsonAddress(json, ".transactions[0].to"), address(system.parameters));
        assertEq(vm.parseJsonString(json, ".transactions[0].value"), "0");
        assertEq(
            vm.parseJsonBytes(json, ".transactions[0].data"), abi.encodeCall(system.parameters.pause, ())
        );
        bundles.setTreasury(stranger);
        assertEq(
            vm.parseJsonString(bundles.files("setTreasury.execute"), ".meta.description"),
            "execute after 604800 seconds"
        );
    }

    /// @dev Schedule as core, wait no more than `delay`, execute as the executor.
    function _run(string memory action, uint256 delay) private {
        _send(core, string.concat(action, ".schedule"));
        skip(delay);
        _send(executor, string.concat(action, ".execute"));
    }

    function _send(address from, string memory file) private {
        (address to, bytes memory data) = _parse(file);
        vm.prank(from);
        (bool done, bytes memory why) = to.call(data);
        assertTrue(done, vm.toString(why));
    }

    function _parse(string memory file) private view returns (address to, bytes memory data) {
        string memory json = bundles.files(file);
        to = vm.parseJsonAddress(json, ".transactions[0].to");
        data = vm.parseJsonBytes(json, ".transactions[0].data");
    }

    function _mock(bytes memory data, bytes memory answer) private {
        vm.mockCall(address(system.slashing), data, answer);
    }
}
