// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {
    IAccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {TieredTimelock} from "../../src/governance/TieredTimelock.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {IPaymentSplitter} from "../../src/interfaces/IPaymentSplitter.sol";
import {IReputationOracle} from "../../src/interfaces/IReputationOracle.sol";
import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {RoleTable} from "./roles/RoleTable.sol";

/// @notice No one but the stated role can do anything: each function is called by each actor. The table is complete
/// (compared with the contracts' ABI), and the one in the documentation is generated from it.
contract RolesTest is RoleTable {
    string private constant PAGE = "../docs/contracts-roles.md";

    mapping(bytes4 selector => bool) private _isDenial;

    function setUp() public override {
        super.setUp();
        _prepare();
        _fill();
        _isDenial[IAccessControl.AccessControlUnauthorizedAccount.selector] = true;
        _isDenial[IAccessControl.AccessControlBadConfirmation.selector] = true;
        _isDenial[IAccessControlDefaultAdminRules.AccessControlInvalidDefaultAdmin.selector] = true;
        _isDenial[Ownable.OwnableUnauthorizedAccount.selector] = true;
        _isDenial[TimelockController.TimelockUnauthorizedCaller.selector] = true;
        _isDenial[TieredTimelock.TieredTimelockNotWirer.selector] = true;
        _isDenial[IParameterRegistry.ParameterRegistryNotWirer.selector] = true;
        _isDenial[IParameterRegistry.ParameterRegistryUnauthorized.selector] = true;
        _isDenial[INodeRegistry.NodeRegistryCannotWire.selector] = true;
        _isDenial[INodeRegistry.NodeRegistryNotOperator.selector] = true;
        _isDenial[INodeRegistry.NodeRegistryNotOffered.selector] = true;
        _isDenial[IReputationOracle.ReputationOracleCannotWire.selector] = true;
        _isDenial[IReputationOracle.ReputationOracleNotMember.selector] = true;
        _isDenial[IReputationOracle.ReputationOracleNotPayee.selector] = true;
        _isDenial[IReputationOracle.ReputationOracleCannotLeave.selector] = true;
        _isDenial[IPaymentSplitter.PaymentSplitterNotRegistry.selector] = true;
        _isDenial[ISessionManager.SessionManagerNotUser.selector] = true;
        _isDenial[ISessionManager.SessionManagerNotOperator.selector] = true;
        _isDenial[ISessionManager.SessionManagerNotParty.selector] = true;
        _isDenial[ISessionManager.SessionManagerNotSelf.selector] = true;
    }

    function test_EveryFunctionIsOpenToItsRolesOnly() public {
        for (uint256 i = 0; i < rows.length; ++i) {
            for (uint256 actor = 0; actor < ACTORS; ++actor) {
                _try(rows[i], Actor(actor));
            }
        }
    }

    function test_TheTableIsComplete() public view {
        _assertComplete("TimelockController", "TieredTimelock");
        _assertComplete("AccessPolicy", "AccessPolicy");
        _assertComplete("ParameterRegistry", "ParameterRegistry");
        _assertComplete("NodeRegistry", "NodeRegistry");
        _assertComplete("ReputationOracle", "ReputationOracle");
        _assertComplete("SlashingManager", "SlashingManager");
        _assertComplete("PaymentSplitter", "PaymentSplitter");
        _assertComplete("SessionManager", "SessionManager");
    }

    /// @notice UPDATE_DOCS=1 writes the page.
    function test_TheDocumentationShowsTheTable() public {
        string memory page = _page();
        if (vm.envOr("UPDATE_DOCS", uint256(0)) == 1) vm.writeFile(PAGE, page);
        assertEq(vm.readFile(PAGE), page, "docs/contracts-roles.md is not up to date: set UPDATE_DOCS=1");
    }

    // ------------------------------------------------------------------- trying

    function _try(Row memory row, Actor actor) private {
        uint256 state = vm.snapshotState();
        address caller = _address(actor);
        if (row.paused) {
            vm.prank(guardian);
            system.parameters.pause();
        }
        vm.deal(caller, 1_000 ether);
        vm.prank(caller);
        (bool done, bytes memory why) = row.target.call{value: row.value}(_dataFor(row, caller));
        vm.revertToState(state);

        string memory what =
            string.concat(row.where, ".", row.name, " by actor ", vm.toString(uint256(actor)), ": ");
        if (row.who & (1 << uint256(actor)) == 0) {
            assertFalse(done, string.concat(what, "went through"));
            assertTrue(_isDenial[bytes4(why)], string.concat(what, "refused for ", vm.toString(why)));
        } else {
            assertFalse(!done && _isDenial[bytes4(why)], string.concat(what, "denied"));
            if (row.works) assertTrue(done, string.concat(what, "failed for ", vm.toString(why)));
        }
    }

    // ------------------------------------------------------------- completeness

    /// @dev Every function of the ABI that changes anything is in the table, and nothing else is.
    function _assertComplete(string memory where_, string memory artifact) private view {
        string memory json = vm.readFile(string.concat("artifacts/", artifact, ".json"));
        uint256 found = 0;
        for (uint256 i = 0; vm.keyExistsJson(json, _entry(i, "type")); ++i) {
            if (!Strings.equal(vm.parseJsonString(json, _entry(i, "type")), "function")) continue;
            string memory mutability = vm.parseJsonString(json, _entry(i, "stateMutability"));
            if (Strings.equal(mutability, "view") || Strings.equal(mutability, "pure")) continue;
            string memory name = vm.parseJsonString(json, _entry(i, "name"));
            assertTrue(_isListed(where_, name), string.concat(where_, ".", name, " is not listed"));
            ++found;
        }
        uint256 listed = 0;
        for (uint256 i = 0; i < rows.length; ++i) {
            if (Strings.equal(rows[i].where, where_)) ++listed;
        }
        assertEq(listed, found, where_);
    }

    function _entry(uint256 index, string memory field) private pure returns (string memory) {
        return string.concat("$.abi[", Strings.toString(index), "].", field);
    }

    function _isListed(string memory where_, string memory name) private view returns (bool) {
        for (uint256 i = 0; i < rows.length; ++i) {
            if (Strings.equal(rows[i].where, where_) && Strings.equal(rows[i].name, name)) return true;
        }
        return false;
    }

    // --------------------------------------------------------------------- page

    function _page() private view returns (string memory page) {
        page = string.concat(
            "# Who may call what\n\n",
            "Generated from the table that the test `Roles.t.sol` tries out, actor by actor: do not edit.\n",
            "\"Delay\" is how long a call by the timelock is public before it runs, at the first parameters.\n"
        );
        string memory last;
        for (uint256 i = 0; i < rows.length; ++i) {
            Row memory row = rows[i];
            if (!Strings.equal(row.where, last)) {
                page = string.concat(
                    page, "\n## ", row.where, "\n\n| function | who | delay |\n| --- | --- | --- |\n"
                );
                last = row.where;
            }
            page = string.concat(page, "| `", row.name, "` | ", row.label, " | ", _delay(row), " |\n");
        }
    }

    function _delay(Row memory row) private view returns (string memory) {
        if (row.who & TIMELOCK == 0 || row.who == ANYBODY) return "";
        uint256 delay = system.timelock.requiredDelay(row.target, row.data) / 1 days;
        if (Strings.equal(row.name, "set") || Strings.equal(row.name, "setMany")) {
            return "by key: 1, 3 or 7 days";
        }
        return string.concat(Strings.toString(delay), delay == 1 ? " day" : " days");
    }
}
