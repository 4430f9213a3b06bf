// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {
    IAccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";

import {World} from "../World.sol";

/// @notice How a row of the table of roles looks, and the rows that several contracts share.
abstract contract RoleRows is World {
    /// @dev Those who try. Bits of `Row.who`.
    enum Actor {
        Core,
        Executor,
        Timelock,
        Guardian,
        Deployer,
        Oracle,
        Slashing,
        Registry,
        Sessions,
        Operator,
        User,
        Member,
        LeavingMember,
        Stranger
    }

    uint256 internal constant ACTORS = 14;

    uint256 internal constant NOBODY = 0;
    uint256 internal constant ANYBODY = (1 << ACTORS) - 1;
    uint256 internal constant CORE = 1 << uint256(Actor.Core);
    uint256 internal constant EXECUTOR = 1 << uint256(Actor.Executor);
    uint256 internal constant TIMELOCK = 1 << uint256(Actor.Timelock);
    uint256 internal constant GUARDIAN = 1 << uint256(Actor.Guardian);
    uint256 internal constant DEPLOYER = 1 << uint256(Actor.Deployer);
    uint256 internal constant ORACLE = 1 << uint256(Actor.Oracle);
    uint256 internal constant SLASHING = 1 << uint256(Actor.Slashing);
    uint256 internal constant REGISTRY = 1 << uint256(Actor.Registry);
    uint256 internal constant SESSIONS = 1 << uint256(Actor.Sessions);
    uint256 internal constant OPERATOR = 1 << uint256(Actor.Operator);
    uint256 internal constant USER = 1 << uint256(Actor.User);
    uint256 internal constant MEMBER = 1 << uint256(Actor.Member);
    uint256 internal constant LEAVING = 1 << uint256(Actor.LeavingMember);

    /// @param who actors whose call is not refused because of who they are.
    /// @param label the same in words, with conditions.
    /// @param works whether the call, as it stands, succeeds for each of `who`; else it is refused for another
    /// reason (a signature that is missing, a wiring that is over).
    /// @param paused whether a guardian's pause comes first.
    struct Row {
        string where;
        string name;
        address target;
        uint256 value;
        bytes data;
        uint256 who;
        string label;
        bool works;
        bool paused;
    }

    Row[] internal rows;
    string internal where;
    address internal target;

    // Operations of the timelock: one that waits, two that are ready.
    bytes32 internal constant WAITING = "waiting";
    bytes32 internal constant READY = "ready";

    function _add(string memory name, bytes memory data, uint256 who, string memory label) internal {
        rows.push(Row(where, name, target, 0, data, who, label, true, false));
    }

    /// @dev A row whose call is not complete enough to succeed.
    function _addUnfit(string memory name, bytes memory data, uint256 who, string memory label) internal {
        rows.push(Row(where, name, target, 0, data, who, label, false, false));
    }

    function _addPaid(string memory name, uint256 value, bytes memory data, uint256 who, string memory label)
        internal
    {
        rows.push(Row(where, name, target, value, data, who, label, true, false));
    }

    function _subject(string memory name, address at_) internal {
        where = name;
        target = at_;
    }

    /// @dev What each contract with OpenZeppelin's default admin rules has.
    function _addAdminRules() internal {
        bytes32 role = keccak256("SOME_ROLE");
        _add("grantRole", abi.encodeCall(IAccessControl.grantRole, (role, stranger)), TIMELOCK, "timelock");
        _add("revokeRole", abi.encodeCall(IAccessControl.revokeRole, (role, stranger)), TIMELOCK, "timelock");
        _addRenounce();
        _add(
            "beginDefaultAdminTransfer",
            abi.encodeCall(IAccessControlDefaultAdminRules.beginDefaultAdminTransfer, (stranger)),
            TIMELOCK,
            "timelock"
        );
        _add(
            "cancelDefaultAdminTransfer",
            abi.encodeCall(IAccessControlDefaultAdminRules.cancelDefaultAdminTransfer, ()),
            TIMELOCK,
            "timelock"
        );
        _addUnfit(
            "acceptDefaultAdminTransfer",
            abi.encodeCall(IAccessControlDefaultAdminRules.acceptDefaultAdminTransfer, ()),
            NOBODY,
            "the address that the timelock offered it to, a day later"
        );
        _add(
            "changeDefaultAdminDelay",
            abi.encodeCall(IAccessControlDefaultAdminRules.changeDefaultAdminDelay, (2 days)),
            TIMELOCK,
            "timelock"
        );
        _add(
            "rollbackDefaultAdminDelay",
            abi.encodeCall(IAccessControlDefaultAdminRules.rollbackDefaultAdminDelay, ()),
            TIMELOCK,
            "timelock"
        );
    }

    /// @dev The name of the caller is part of the call: `_dataFor` puts it there.
    function _addRenounce() internal {
        bytes memory data = abi.encodeCall(IAccessControl.renounceRole, (keccak256("SOME_ROLE"), address(0)));
        _add("renounceRole", data, ANYBODY, "anybody, the own role");
    }

    function _addLedger() internal {
        _addUnfit(
            "withdraw", abi.encodeCall(system.nodes.withdraw, (stranger)), ANYBODY, "anybody, the own money"
        );
        _addUnfit(
            "collectTreasury",
            abi.encodeCall(system.nodes.collectTreasury, ()),
            ANYBODY,
            "anybody; the money goes to the treasury"
        );
    }

    function _targets() internal view returns (address[] memory list) {
        list = new address[](1);
        list[0] = stranger;
    }

    // -------------------------------------------------------------- calling

    function _dataFor(Row memory row, address caller) internal pure returns (bytes memory) {
        if (bytes4(row.data) != IAccessControl.renounceRole.selector) return row.data;
        return abi.encodeCall(IAccessControl.renounceRole, (keccak256("SOME_ROLE"), caller));
    }

    function _address(Actor actor) internal view returns (address) {
        if (actor == Actor.Core) return core;
        if (actor == Actor.Executor) return executor;
        if (actor == Actor.Timelock) return address(system.timelock);
        if (actor == Actor.Guardian) return guardian;
        if (actor == Actor.Deployer) return address(this);
        if (actor == Actor.Oracle) return address(system.oracle);
        if (actor == Actor.Slashing) return address(system.slashing);
        if (actor == Actor.Registry) return address(system.nodes);
        if (actor == Actor.Sessions) return address(system.sessions);
        if (actor == Actor.Operator) return operator;
        if (actor == Actor.User) return user;
        if (actor == Actor.Member) return config.committee[0];
        if (actor == Actor.LeavingMember) return config.committee[MEMBERS - 1];
        return stranger;
    }
}
