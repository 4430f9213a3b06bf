// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {INodeRegistry, ScoreFacts} from "../interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../interfaces/IParameterRegistry.sol";
import {IReputationOracle, Measurement} from "../interfaces/IReputationOracle.sol";
import {MerkleRoots} from "../libraries/MerkleRoots.sol";
import {ParameterKeys} from "../libraries/ParameterKeys.sol";
import {ScoreMath} from "../libraries/ScoreMath.sol";
import {Committee} from "./Committee.sol";
import {EtherLedger} from "./EtherLedger.sol";

/// @title ReputationOracle
/// @notice See IReputationOracle.
contract ReputationOracle is Committee {
    struct Report {
        bytes32 root;
        uint32 count;
        uint64 version;
    }

    /// @dev Fills one slot.
    struct Attested {
        uint64 uptime;
        uint16 throughput;
        uint16 latency;
        uint16 stability;
        uint64 volume;
        uint64 epoch;
    }

    /// @notice Seconds of an epoch.
    uint256 public constant EPOCH = 1 hours;
    /// @notice Age at which a report is too old to be posted, without the time of pauses.
    uint256 public constant MAX_REPORT_AGE = 7 days;
    /// @notice EIP-712 type of a report.
    bytes32 public constant REPORT_TYPEHASH =
        keccak256("ScoreReport(uint64 epoch,bytes32 root,uint32 count,uint64 committeeVersion)");

    INodeRegistry private immutable _REGISTRY;

    mapping(uint64 epoch => Report) private _reports;
    mapping(uint256 record => Attested) private _attested;
    uint64 private _lastEpoch;

    /// @param governor the timelock: default admin, unless it hands over in two steps.
    /// @param deployer may `wire`, once, and nothing else.
    constructor(IParameterRegistry parameters, INodeRegistry registry, address governor, address deployer)
        EtherLedger(parameters)
        Committee(governor, deployer)
    {
        if (address(parameters) == address(0)) revert ReputationOracleInvalidAddress();
        if (address(registry) == address(0)) revert ReputationOracleInvalidAddress();
        _REGISTRY = registry;
    }

    modifier whenNotPaused() {
        if (_PARAMETERS.paused()) revert ReputationOraclePaused();
        _;
    }

    // ------------------------------------------------------------------------------------------------ reports

    /// @inheritdoc IReputationOracle
    function postEpoch(
        uint64 epoch,
        bytes32 root,
        uint32 count,
        uint64 version,
        address[] calldata signers,
        bytes[] calldata signatures
    ) external whenNotPaused {
        _post(epoch, root, count, version, signers, signatures);
    }

    /// @inheritdoc IReputationOracle
    function postEpochList(
        uint64 epoch,
        Measurement[] calldata list,
        uint64 version,
        address[] calldata signers,
        bytes[] calldata signatures
    ) external whenNotPaused {
        // A list that fits a block is far below 2^32.
        _post(epoch, rootOf(epoch, list), uint32(list.length), version, signers, signatures);
        ScoreMath.Parts memory weights = _weights();
        for (uint256 i = 0; i < list.length; ++i) {
            _apply(epoch, list[i], weights);
        }
    }

    /// @inheritdoc IReputationOracle
    function applyMeasurements(uint64 epoch, Measurement[] calldata list, bytes32[][] calldata proofs)
        external
        whenNotPaused
    {
        bytes32 root = _reports[epoch].root;
        if (root == 0) revert ReputationOracleUnknownEpoch(epoch);
        if (list.length != proofs.length) revert ReputationOracleLengthMismatch();
        ScoreMath.Parts memory weights = _weights();
        for (uint256 i = 0; i < list.length; ++i) {
            if (!MerkleProof.verifyCalldata(proofs[i], root, leafOf(epoch, list[i]))) {
                revert ReputationOracleWrongProof(i);
            }
            _apply(epoch, list[i], weights);
        }
    }

    /// @inheritdoc IReputationOracle
    function recompute(bytes20 node) external whenNotPaused returns (uint16 score) {
        ScoreFacts memory facts = _REGISTRY.scoreFacts(node);
        Attested memory values = _attested[facts.record];
        if (values.epoch == 0) revert ReputationOracleNothingAttested(node);
        score = uint16(ScoreMath.total(_parts(facts, values, _weights())));
        emit ScoreRecomputed(node, facts.record, score);
        _REGISTRY.updateReputationScore(node, score);
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @notice Whose nodes are scored; fixed for good.
    function nodeRegistry() external view returns (INodeRegistry) {
        return _REGISTRY;
    }

    /// @inheritdoc IReputationOracle
    function reportHash(uint64 epoch, bytes32 root, uint32 count, uint64 version)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(REPORT_TYPEHASH, epoch, root, count, version));
    }

    /// @inheritdoc IReputationOracle
    function leafOf(uint64 epoch, Measurement calldata measurement) public pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(epoch, measurement))));
    }

    /// @inheritdoc IReputationOracle
    function rootOf(uint64 epoch, Measurement[] calldata list) public pure returns (bytes32) {
        bytes32[] memory leaves = new bytes32[](list.length);
        for (uint256 i = 0; i < list.length; ++i) {
            leaves[i] = leafOf(epoch, list[i]);
        }
        return MerkleRoots.fold(leaves);
    }

    /// @inheritdoc IReputationOracle
    function reports(uint64 epoch) external view returns (bytes32 root, uint32 count, uint64 version) {
        Report storage report = _reports[epoch];
        return (report.root, report.count, report.version);
    }

    /// @inheritdoc IReputationOracle
    function lastEpoch() external view returns (uint64) {
        return _lastEpoch;
    }

    /// @inheritdoc IReputationOracle
    function attested(bytes20 node) external view returns (Measurement memory values, uint64 epoch) {
        Attested memory known = _attested[_REGISTRY.recordOf(node)];
        values = Measurement({
            node: node,
            uptime: known.uptime,
            throughput: known.throughput,
            latency: known.latency,
            stability: known.stability,
            volume: known.volume
        });
        return (values, known.epoch);
    }

    /// @inheritdoc IReputationOracle
    function scoreOf(bytes20 node)
        external
        view
        returns (uint256 score, uint256 uptime, uint256 quality, uint256 stake, uint256 history)
    {
        ScoreFacts memory facts = _REGISTRY.scoreFacts(node);
        if (facts.record == 0) revert ReputationOracleNothingAttested(node);
        ScoreMath.Parts memory parts = _parts(facts, _attested[facts.record], _weights());
        return (ScoreMath.total(parts), parts.uptime, parts.quality, parts.stake, parts.history);
    }

    // ------------------------------------------------------------------------------------------------ internal

    function _post(
        uint64 epoch,
        bytes32 root,
        uint32 count,
        uint64 version,
        address[] calldata signers,
        bytes[] calldata signatures
    ) private {
        if (root == 0 || count == 0) revert ReputationOracleEmptyReport();
        uint256 end = (uint256(epoch) + 1) * EPOCH;
        if (end > block.timestamp) revert ReputationOracleEpochNotOver(epoch);
        // A pause stops reports, so it stops their age too.
        if (
            end + MAX_REPORT_AGE < block.timestamp
                && end + MAX_REPORT_AGE + _PARAMETERS.pausedTime(uint64(end)) < block.timestamp
        ) revert ReputationOracleEpochTooOld(epoch);
        uint64 last = _lastEpoch;
        if (epoch <= last) revert ReputationOracleEpochPosted(epoch, last);
        uint256 length = _PARAMETERS.get(ParameterKeys.EPOCH_LENGTH);
        if (uint256(epoch - last) * EPOCH < length) revert ReputationOracleEpochPosted(epoch, last);
        if (!verify(reportHash(epoch, root, count, version), signatures, signers, version)) {
            revert ReputationOracleNotAttested();
        }
        _lastEpoch = epoch;
        _reports[epoch] = Report({root: root, count: count, version: version});
        emit EpochPosted(epoch, root, count, version, signers);
    }

    function _apply(uint64 epoch, Measurement calldata values, ScoreMath.Parts memory weights) private {
        bool valid = values.uptime <= ScoreMath.ONE && values.throughput <= ScoreMath.BPS
            && values.latency <= ScoreMath.BPS && values.stability <= ScoreMath.BPS;
        if (!valid) revert ReputationOracleInvalidMeasurement(values.node);
        ScoreFacts memory facts = _REGISTRY.scoreFacts(values.node);
        Attested storage known = _attested[facts.record];
        // Measured before this record began, or not newer than what is known.
        bool stale = (uint256(epoch) + 1) * EPOCH <= facts.since || epoch <= known.epoch;
        if (facts.record == 0 || stale) {
            emit MeasurementSkipped(values.node, epoch);
            return;
        }
        known.uptime = values.uptime;
        known.throughput = values.throughput;
        known.latency = values.latency;
        known.stability = values.stability;
        known.volume = values.volume;
        known.epoch = epoch;
        uint16 score = uint16(ScoreMath.total(_parts(facts, known, weights)));
        emit ScoreApplied(values.node, facts.record, epoch, values, score);
        _REGISTRY.updateReputationScore(values.node, score);
    }

    /// @dev Within 16 bits, as no part exceeds its weight and the weights sum to 1000.
    function _parts(ScoreFacts memory facts, Attested memory values, ScoreMath.Parts memory weights)
        private
        view
        returns (ScoreMath.Parts memory)
    {
        return ScoreMath.parts(
            ScoreMath.Inputs({
                uptime: values.uptime,
                throughput: values.throughput,
                latency: values.latency,
                stability: values.stability,
                stake: facts.stake,
                minimum: facts.minimum,
                age: block.timestamp - facts.since,
                volume: values.volume,
                offences: facts.offences,
                ordinal: facts.ordinal
            }),
            weights
        );
    }

    function _weights() private view returns (ScoreMath.Parts memory weights) {
        (weights.uptime, weights.quality, weights.stake, weights.history) = _PARAMETERS.reputationWeights();
    }
}
