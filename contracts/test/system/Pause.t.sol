// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {IReputationOracle} from "../../src/interfaces/IReputationOracle.sol";
import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {ISlashingManager} from "../../src/interfaces/ISlashingManager.sol";
import {RoleTable} from "./roles/RoleTable.sol";

/// @notice A pause stops new business and nothing else: each function that changes anything is called with and
/// without one. `Exits.t.sol` walks the ways out to their ends.
contract PauseTest is RoleTable {
    mapping(string place => bool) private _isNewBusiness;

    function setUp() public override {
        super.setUp();
        _prepare();
        _fill();
        string[16] memory stopped = [
            "NodeRegistry.registerNode",
            "NodeRegistry.changeKey",
            "NodeRegistry.acceptOperator",
            "ReputationOracle.postEpoch",
            "ReputationOracle.postEpochList",
            "ReputationOracle.applyMeasurements",
            "ReputationOracle.recompute",
            "SlashingManager.slashAutomatic",
            "SessionManager.open",
            "SessionManager.openFor",
            "SessionManager.openWithPermit",
            "SessionManager.topUp",
            "SessionManager.topUpWithPermit",
            "SessionManager.extend",
            // The brake itself: what is paused cannot be paused, what is not cannot be ended.
            "ParameterRegistry.pause",
            "ParameterRegistry.unpause"
        ];
        for (uint256 i = 0; i < stopped.length; ++i) {
            _isNewBusiness[stopped[i]] = true;
        }
    }

    function test_APauseStopsNewBusinessAndNothingElse() public {
        for (uint256 i = 0; i < rows.length; ++i) {
            Row memory row = rows[i];
            if (row.who == NOBODY) continue;
            string memory place = string.concat(row.where, ".", row.name);
            (bool done, bytes4 why) = _call(row, false);
            (bool doneInPause, bytes4 whyInPause) = _call(row, true);
            bool same = done == doneInPause && why == whyInPause;
            // A row that is not complete enough to succeed may be refused for what it lacks, before and after.
            if (!_isNewBusiness[place]) assertTrue(same, place);
            else if (row.works) assertFalse(same, place);
            if (!same && !Strings.equal(row.where, "ParameterRegistry")) {
                assertTrue(_isPaused(whyInPause), string.concat(place, " is refused for another reason"));
            }
        }
    }

    /// @dev By the first of those who may.
    function _call(Row memory row, bool paused) private returns (bool done, bytes4 why) {
        uint256 state = vm.snapshotState();
        uint256 actor = 0;
        while (row.who & (1 << actor) == 0) ++actor;
        address caller = _address(Actor(actor));
        if (paused) {
            vm.prank(guardian);
            system.parameters.pause();
        }
        vm.deal(caller, 1_000 ether);
        vm.prank(caller);
        bytes memory answer;
        (done, answer) = row.target.call{value: row.value}(_dataFor(row, caller));
        if (!done) why = bytes4(answer);
        vm.revertToState(state);
    }

    function _isPaused(bytes4 why) private pure returns (bool) {
        return why == INodeRegistry.NodeRegistryPaused.selector
            || why == IReputationOracle.ReputationOraclePaused.selector
            || why == ISlashingManager.SlashingManagerPaused.selector
            || why == ISessionManager.SessionManagerPaused.selector;
    }
}
