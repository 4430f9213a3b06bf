// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IPaymentSplitter} from "../interfaces/IPaymentSplitter.sol";
import {ISessionManager} from "../interfaces/ISessionManager.sol";
import {Money} from "../libraries/Money.sol";

/// @title SessionEscrow
/// @notice The money of the SessionManager: comes in as a deposit or bond, goes out by withdrawal or to the splitter.
/// @dev Invariant: `_liabilities[token]` is what the balance must be at least, and is exactly that without gifts.
abstract contract SessionEscrow is ISessionManager, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    IPaymentSplitter internal immutable _splitter;

    mapping(address who => mapping(address token => uint256)) private _credits;
    mapping(bytes32 payment => uint256) private _deferred;
    mapping(address token => uint256) private _liabilities;

    constructor(IPaymentSplitter splitter) {
        _requireCode(address(splitter));
        _splitter = splitter;
    }

    /// @inheritdoc ISessionManager
    function withdraw(address token) external nonReentrant {
        _withdraw(token, msg.sender);
    }

    /// @inheritdoc ISessionManager
    function withdrawTo(address token, address to) external nonReentrant {
        require(to != address(0), SessionManagerInvalidReceiver());
        _withdraw(token, to);
    }

    /// @inheritdoc ISessionManager
    function forwardDeferred(bytes20 node, address operator, address token) external nonReentrant {
        bytes32 payment = _paymentKey(node, operator, token);
        uint256 amount = _deferred[payment];
        require(amount != 0, SessionManagerNothingToWithdraw());
        _deferred[payment] = 0;
        emit PaymentForwarded(node, operator, token, amount);
        _forward(node, operator, token, amount);
    }

    /// @notice Hand `amount` to the splitter. Callable by this contract only, so that a failure can be caught whole.
    function forward(bytes20 node, address operator, address token, uint256 amount) external {
        require(msg.sender == address(this), SessionManagerNotSelf());
        _forward(node, operator, token, amount);
    }

    /// @inheritdoc ISessionManager
    function credit(address who, address token) external view returns (uint256) {
        return _credits[who][token];
    }

    /// @inheritdoc ISessionManager
    function deferred(bytes20 node, address operator, address token) external view returns (uint256) {
        return _deferred[_paymentKey(node, operator, token)];
    }

    /// @inheritdoc ISessionManager
    function liabilities(address token) external view returns (uint256) {
        return _liabilities[token];
    }

    function _requireCode(address collaborator) internal view {
        require(collaborator.code.length != 0, SessionManagerInvalidCollaborator(collaborator));
    }

    /// @dev Takes a deposit of the caller. A token that keeps a part for itself is refused: the user would be
    /// credited with money that is not there.
    function _take(address token, uint256 amount) internal {
        require(amount != 0, SessionManagerInvalidAmount());
        require(msg.value == (token == Money.ETH ? amount : 0), SessionManagerWrongValue());
        if (token != Money.ETH) {
            require(Money.pull(token, amount) == amount, SessionManagerTokenTakesFee(token));
        }
        _liabilities[token] += amount;
    }

    /// @dev Takes ETH that has come with the call as a bond.
    function _takeBond() internal {
        _liabilities[Money.ETH] += msg.value;
    }

    /// @dev A permit that fails may have been used by somebody who saw it: the transfer decides.
    function _usePermit(address token, uint256 amount, Permit calldata permit) internal {
        require(token != Money.ETH, SessionManagerWrongValue());
        try IERC20Permit(token)
            .permit(msg.sender, address(this), amount, permit.deadline, permit.v, permit.r, permit.s) {}
            catch {}
    }

    /// @dev Moves a part of what is held to `who`, to be pulled.
    function _credit(address who, address token, uint256 amount) internal {
        if (amount == 0) return;
        _credits[who][token] += amount;
        emit Credited(who, token, amount);
    }

    /// @dev Gives ETH that is held to the treasury, by its role.
    function _payTreasury(uint256 amount) internal {
        _liabilities[Money.ETH] -= amount;
        _splitter.payTreasury{value: amount}();
    }

    /// @dev Never fails: whatever is wrong with splitter, parameters or token, the payment waits here.
    function _pay(bytes20 node, address operator, address token, uint256 amount) internal {
        try this.forward(node, operator, token, amount) {}
        catch {
            _deferred[_paymentKey(node, operator, token)] += amount;
            emit PaymentDeferred(node, operator, token, amount);
        }
    }

    function _forward(bytes20 node, address operator, address token, uint256 amount) private {
        _liabilities[token] -= amount;
        if (token == Money.ETH) {
            _splitter.split{value: amount}(node, operator, token, amount);
            return;
        }
        IERC20(token).forceApprove(address(_splitter), amount);
        _splitter.split(node, operator, token, amount);
    }

    function _withdraw(address token, address to) private {
        uint256 amount = _credits[msg.sender][token];
        require(amount != 0, SessionManagerNothingToWithdraw());
        _credits[msg.sender][token] = 0;
        _liabilities[token] -= amount;
        emit Withdrawn(msg.sender, token, to, amount);
        require(Money.push(token, to, amount), SessionManagerTransferFailed());
    }

    function _paymentKey(bytes20 node, address operator, address token) private pure returns (bytes32) {
        return keccak256(abi.encode(node, operator, token));
    }
}
