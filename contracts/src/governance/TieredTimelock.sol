// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {IDelayPolicy} from "../interfaces/IDelayPolicy.sol";

/// @title TieredTimelock
/// @notice OpenZeppelin's TimelockController with a floor of one day that it cannot lower itself, and with a longer
/// delay for what the delay policy (the ParameterRegistry) calls major or critical. Operations that are not executed
/// within 14 days of being ready lapse.
/// @dev The governor of all contracts. Who proposes and who executes are its roles; it is its own admin.
contract TieredTimelock is TimelockController {
    /// @notice No operation waits less than this.
    uint256 public constant MIN_DELAY_FLOOR = 1 days;
    /// @notice The general delay cannot be set beyond this; longer delays are those of the tiers. It keeps within
    /// what the SlashingManager adds to the major delay for a veto, so that a veto is always possible in time.
    uint256 public constant MIN_DELAY_CEILING = 2 days;

    /// @notice Time in which an operation that is ready can be executed; afterwards it has lapsed and must be
    /// scheduled anew, with its whole delay.
    uint256 public constant OPERATION_GRACE = 14 days;

    address private immutable _WIRER;
    IDelayPolicy private _policy;

    event DelayPolicyWired(address indexed policy);

    error TieredTimelockDelayOutOfBounds(uint256 delay, uint256 minimum, uint256 maximum);
    error TieredTimelockNotWirer(address caller);
    error TieredTimelockAlreadyWired();
    error TieredTimelockNotWired();
    error TieredTimelockNotAContract(address account);

    /// @param proposers Propose and cancel at first.
    /// @param executors Execute at first.
    /// @param wirer May wire the delay policy, once, and nothing else.
    constructor(address[] memory proposers, address[] memory executors, address wirer)
        TimelockController(MIN_DELAY_FLOOR, proposers, executors, address(0))
    {
        _WIRER = wirer;
    }

    /// @notice Once, by the deployer: who says how long an operation waits. Nothing can be scheduled before.
    function wireDelayPolicy(IDelayPolicy policy) external {
        if (msg.sender != _WIRER) revert TieredTimelockNotWirer(msg.sender);
        if (address(_policy) != address(0)) revert TieredTimelockAlreadyWired();
        if (address(policy).code.length == 0) revert TieredTimelockNotAContract(address(policy));
        _policy = policy;
        emit DelayPolicyWired(address(policy));
    }

    /// @notice Who says how long an operation waits.
    function delayPolicy() external view returns (IDelayPolicy) {
        return _policy;
    }

    /// @notice Least delay of the call `data` on `target`.
    function requiredDelay(address target, bytes calldata data) public view returns (uint256 delay) {
        if (address(_policy) == address(0)) revert TieredTimelockNotWired();
        delay = _policy.delayFor(target, data);
        uint256 general = getMinDelay();
        if (delay < general) delay = general;
    }

    /// @inheritdoc TimelockController
    function schedule(
        address target,
        uint256 value,
        bytes calldata data,
        bytes32 predecessor,
        bytes32 salt,
        uint256 delay
    ) public override {
        _checkDelay(target, data, delay);
        super.schedule(target, value, data, predecessor, salt, delay);
    }

    /// @inheritdoc TimelockController
    function scheduleBatch(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata payloads,
        bytes32 predecessor,
        bytes32 salt,
        uint256 delay
    ) public override {
        if (targets.length != payloads.length) {
            revert TimelockInvalidOperationLength(targets.length, payloads.length, values.length);
        }
        for (uint256 i = 0; i < targets.length; ++i) {
            _checkDelay(targets[i], payloads[i], delay);
        }
        super.scheduleBatch(targets, values, payloads, predecessor, salt, delay);
    }

    /// @inheritdoc TimelockController
    /// @dev An operation that was not executed within `OPERATION_GRACE` is as if it had never been scheduled, so that
    /// nothing survives a hand-over of power for long.
    function getOperationState(bytes32 id) public view override returns (OperationState) {
        OperationState state = super.getOperationState(id);
        bool lapsed = state == OperationState.Ready && block.timestamp >= getTimestamp(id) + OPERATION_GRACE;
        return lapsed ? OperationState.Unset : state;
    }

    /// @inheritdoc TimelockController
    function updateDelay(uint256 newDelay) public override {
        if (newDelay < MIN_DELAY_FLOOR || newDelay > MIN_DELAY_CEILING) {
            revert TieredTimelockDelayOutOfBounds(newDelay, MIN_DELAY_FLOOR, MIN_DELAY_CEILING);
        }
        super.updateDelay(newDelay);
    }

    function _checkDelay(address target, bytes calldata data, uint256 delay) private view {
        uint256 required = requiredDelay(target, data);
        if (delay < required) revert TimelockInsufficientDelay(delay, required);
    }
}
