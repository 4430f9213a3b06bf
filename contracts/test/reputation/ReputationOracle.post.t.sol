// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IReputationOracle, Measurement} from "../../src/interfaces/IReputationOracle.sol";
import {ParameterKeys} from "../../src/libraries/ParameterKeys.sol";
import {ReportBase} from "./ReportBase.sol";

/// @notice postEpoch and postEpochList.
contract ReputationOraclePostTest is ReportBase {
    bytes32 private constant ROOT = keccak256("root");

    function test_post() public {
        uint64 epoch = lastEpoch();
        (address[] memory signers, bytes[] memory signatures) = _signed(epoch, ROOT, 3, 1);
        vm.expectEmit(address(oracle));
        emit IReputationOracle.EpochPosted(epoch, ROOT, 3, 1, signers);
        vm.prank(stranger);
        oracle.postEpoch(epoch, ROOT, 3, 1, signers, signatures);
        (bytes32 root, uint32 count, uint64 version) = oracle.reports(epoch);
        assertEq(root, ROOT);
        assertEq(count, 3);
        assertEq(version, 1);
        assertEq(oracle.lastEpoch(), epoch);
    }

    function test_postList() public {
        uint64 epoch = lastEpoch();
        Measurement[] memory list = threeNodes();
        postList(epoch, list);
        (bytes32 root, uint32 count,) = oracle.reports(epoch);
        assertEq(root, oracle.rootOf(epoch, list));
        assertEq(count, 3);
        (uint256 score,,,,) = oracle.scoreOf(node1.node);
        assertStanding(node1.node, true, true, 1.5 ether, score);
        assertGt(score, 900, "score");
    }

    function test_revertWhen_anEpochIsPostedTwice() public {
        uint64 epoch = lastEpoch();
        _post(epoch, ROOT);
        _expectRevert(
            epoch,
            keccak256("another"),
            abi.encodeWithSelector(IReputationOracle.ReputationOracleEpochPosted.selector, epoch, epoch)
        );
        _expectRevert(
            epoch - 1,
            ROOT,
            abi.encodeWithSelector(IReputationOracle.ReputationOracleEpochPosted.selector, epoch - 1, epoch)
        );
    }

    function test_revertWhen_reportsAreTooClose() public {
        uint64 epoch = lastEpoch();
        _post(epoch, ROOT);
        setParameter(ParameterKeys.EPOCH_LENGTH, 1 days);
        skip(1 days);
        _expectRevert(
            epoch + 23,
            ROOT,
            abi.encodeWithSelector(IReputationOracle.ReputationOracleEpochPosted.selector, epoch + 23, epoch)
        );
        _post(epoch + 24, ROOT);
    }

    function test_revertWhen_theEpochIsNotOver() public {
        uint64 epoch = lastEpoch() + 1;
        _expectRevert(
            epoch,
            ROOT,
            abi.encodeWithSelector(IReputationOracle.ReputationOracleEpochNotOver.selector, epoch)
        );
        vm.warp((uint256(epoch) + 1) * 3_600 - 1);
        _expectRevert(
            epoch,
            ROOT,
            abi.encodeWithSelector(IReputationOracle.ReputationOracleEpochNotOver.selector, epoch)
        );
        skip(1);
        _post(epoch, ROOT);
        _expectRevert(
            type(uint64).max,
            ROOT,
            abi.encodeWithSelector(IReputationOracle.ReputationOracleEpochNotOver.selector, type(uint64).max)
        );
    }

    function test_revertWhen_theEpochIsTooOld() public {
        uint64 epoch = lastEpoch();
        vm.warp((uint256(epoch) + 1) * 3_600 + 7 days + 1);
        _expectRevert(
            epoch, ROOT, abi.encodeWithSelector(IReputationOracle.ReputationOracleEpochTooOld.selector, epoch)
        );
        vm.warp((uint256(epoch) + 1) * 3_600 + 7 days);
        _post(epoch, ROOT);
    }

    /// @dev The exploit: what was measured before a pause of 7 days could never be posted.
    function test_A24_aPauseStopsTheAgeOfScores() public {
        uint64 epoch = lastEpoch();
        pause();
        vm.warp((uint256(epoch) + 1) * 3_600 + 10 days);
        _post(epoch, ROOT);
    }

    function test_revertWhen_theReportIsEmpty() public {
        uint64 epoch = lastEpoch();
        (address[] memory signers, bytes[] memory signatures) = _signed(epoch, ROOT, 0, 1);
        vm.expectRevert(IReputationOracle.ReputationOracleEmptyReport.selector);
        oracle.postEpoch(epoch, ROOT, 0, 1, signers, signatures);
        (signers, signatures) = _signed(epoch, 0, 1, 1);
        vm.expectRevert(IReputationOracle.ReputationOracleEmptyReport.selector);
        oracle.postEpoch(epoch, 0, 1, 1, signers, signatures);
        vm.expectRevert(IReputationOracle.ReputationOracleEmptyReport.selector);
        oracle.postEpochList(epoch, new Measurement[](0), 1, signers, signatures);
    }

    function test_revertWhen_paused() public {
        uint64 epoch = lastEpoch();
        pause();
        _expectRevert(epoch, ROOT, abi.encodeWithSelector(IReputationOracle.ReputationOraclePaused.selector));
        (address[] memory signers, bytes[] memory signatures) = _signed(epoch, ROOT, 3, 1);
        vm.expectRevert(IReputationOracle.ReputationOraclePaused.selector);
        oracle.postEpochList(epoch, threeNodes(), 1, signers, signatures);
    }

    /// @dev Every field of what is signed counts.
    function test_revertWhen_aFieldDiffers() public {
        uint64 epoch = lastEpoch();
        (address[] memory signers, bytes[] memory signatures) = _signed(epoch, ROOT, 3, 1);
        bytes memory reason = abi.encodeWithSelector(IReputationOracle.ReputationOracleNotAttested.selector);
        vm.expectRevert(reason);
        oracle.postEpoch(epoch - 1, ROOT, 3, 1, signers, signatures);
        vm.expectRevert(reason);
        oracle.postEpoch(epoch, keccak256("another"), 3, 1, signers, signatures);
        vm.expectRevert(reason);
        oracle.postEpoch(epoch, ROOT, 4, 1, signers, signatures);
        vm.expectRevert(reason);
        oracle.postEpoch(epoch, ROOT, 3, 2, signers, signatures);
        vm.chainId(1);
        vm.expectRevert(reason);
        oracle.postEpoch(epoch, ROOT, 3, 1, signers, signatures);
    }

    function test_revertWhen_theCommitteeHasRotated() public {
        uint64 epoch = lastEpoch();
        (address[] memory signers, bytes[] memory signatures) = _signed(epoch, ROOT, 3, 1);
        vm.prank(governor);
        oracle.setCommittee(members);
        vm.expectRevert(IReputationOracle.ReputationOracleNotAttested.selector);
        oracle.postEpoch(epoch, ROOT, 3, 1, signers, signatures);
        // Naming the new version does not help: the signed struct names the old one.
        vm.expectRevert(IReputationOracle.ReputationOracleNotAttested.selector);
        oracle.postEpoch(epoch, ROOT, 3, 2, signers, signatures);
    }

    function test_revertWhen_tooFewSign() public {
        uint64 epoch = lastEpoch();
        (address[] memory signers, bytes[] memory signatures) =
            signed(oracle.reportHash(epoch, ROOT, 3, 1), THRESHOLD - 1);
        vm.expectRevert(IReputationOracle.ReputationOracleNotAttested.selector);
        oracle.postEpoch(epoch, ROOT, 3, 1, signers, signatures);
    }

    function test_revertWhen_theListIsAnother() public {
        uint64 epoch = lastEpoch();
        Measurement[] memory list = threeNodes();
        (address[] memory signers, bytes[] memory signatures) =
            _signed(epoch, oracle.rootOf(epoch, list), 3, 1);
        list[2].uptime = 1;
        vm.expectRevert(IReputationOracle.ReputationOracleNotAttested.selector);
        oracle.postEpochList(epoch, list, 1, signers, signatures);
    }

    function _signed(uint64 epoch, bytes32 root, uint32 count, uint64 version)
        private
        view
        returns (address[] memory signers, bytes[] memory signatures)
    {
        return signed(oracle.reportHash(epoch, root, count, version), THRESHOLD);
    }

    function _post(uint64 epoch, bytes32 root) private {
        (address[] memory signers, bytes[] memory signatures) = _signed(epoch, root, 1, 1);
        oracle.postEpoch(epoch, root, 1, 1, signers, signatures);
    }

    function _expectRevert(uint64 epoch, bytes32 root, bytes memory reason) private {
        (address[] memory signers, bytes[] memory signatures) = _signed(epoch, root, 1, 1);
        vm.expectRevert(reason);
        oracle.postEpoch(epoch, root, 1, 1, signers, signatures);
    }
}
