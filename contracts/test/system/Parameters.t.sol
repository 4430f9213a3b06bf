// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {IParameterRegistry} from "../../src/interfaces/IParameterRegistry.sol";
import {DeployedTest} from "../deploy/DeployedTest.sol";

/// @notice The page of parameters is generated from the contract itself. UPDATE_DOCS=1 writes it.
contract ParametersTest is DeployedTest {
    string private constant PAGE = "../docs/contracts-parameters.md";

    /// @dev Name and unit, in the order of the contract.
    string[2][] private _names;

    function setUp() public override {
        super.setUp();
        _name("MIN_STAKE", "wei");
        _name("STAKE_GRACE_PERIOD", "s");
        _name("UNBONDING_PERIOD", "s");
        _name("MIN_ACTIVATION_SCORE", "score");
        _name("SLASH_DOWNTIME_PERCENT", "bp");
        _name("SLASH_POOR_QUALITY_PERCENT", "bp");
        _name("SLASH_LOGGING_PERCENT", "bp");
        _name("SLASH_MALICIOUS_PERCENT", "bp");
        _name("DOWNTIME_PERIOD", "s");
        _name("POOR_QUALITY_PERIOD", "s");
        _name("POOR_QUALITY_SCORE", "score");
        _name("DISPUTE_BOND", "wei");
        _name("DISPUTE_PERIOD", "s");
        _name("DISPUTE_REWARD_SHARE", "bp");
        _name("ORACLE_COMMITTEE_SIZE", "members");
        _name("COMMITTEE_BOND", "wei");
        _name("EPOCH_LENGTH", "s");
        _name("LIVENESS_PROBE_INTERVAL", "s");
        _name("REPUTATION_WEIGHT_UPTIME", "score");
        _name("REPUTATION_WEIGHT_QUALITY", "score");
        _name("REPUTATION_WEIGHT_STAKE", "score");
        _name("REPUTATION_WEIGHT_HISTORY", "score");
        _name("FEE_OPERATOR_SHARE", "bp");
        _name("FEE_TREASURY_SHARE", "bp");
        _name("FEE_STAKER_SHARE", "bp");
        _name("FEE_FLOOR", "wei per 10^9 bytes");
        _name("FEE_CEILING", "wei per 10^9 bytes");
        _name("SESSION_SETTLE_INTERVAL", "s");
        _name("SESSION_MAX_DURATION", "s");
        _name("SESSION_CLAIM_PERIOD", "s");
        _name("SESSION_DISPUTE_PERIOD", "s");
        _name("CREDENTIAL_TTL", "s");
        _name("DEVICE_LIMIT_FREE", "devices");
        _name("DEVICE_LIMIT_PAID", "devices");
        _name("BANDWIDTH_FREE", "bytes in 30 days, 0 no cap");
        _name("BANDWIDTH_PAID", "bytes in 30 days, 0 no cap");
        _name("TIMELOCK_DELAY_STANDARD", "s");
        _name("TIMELOCK_DELAY_MAJOR", "s");
        _name("TIMELOCK_DELAY_CRITICAL", "s");
    }

    function test_TheDocumentationShowsTheParameters() public {
        string memory page = _page();
        if (vm.envOr("UPDATE_DOCS", uint256(0)) == 1) vm.writeFile(PAGE, page);
        assertEq(vm.readFile(PAGE), page, "docs/contracts-parameters.md is not up to date: set UPDATE_DOCS=1");
    }

    function _page() private view returns (string memory page) {
        IParameterRegistry.Parameter[] memory list = system.parameters.parameters();
        assertEq(list.length, _names.length);
        page = "# Parameters\n\nGenerated from the ParameterRegistry by the test `Parameters.t.sol`: do not edit. "
            "Bounds are constants of the code.\nThe tier says how long a change is public before it takes effect: "
            "standard 1, major 3, critical 7 days at first.\n\n"
            "| key | first value | least | most | unit | tier |\n| --- | --- | --- | --- | --- | --- |\n";
        for (uint256 i = 0; i < list.length; ++i) {
            assertEq(list[i].key, keccak256(bytes(_names[i][0])), _names[i][0]);
            page = string.concat(page, _line(_names[i], list[i]));
        }
    }

    function _line(string[2] memory name, IParameterRegistry.Parameter memory parameter)
        private
        pure
        returns (string memory)
    {
        string[3] memory tiers = ["standard", "major", "critical"];
        return string.concat(
            string.concat("| `", name[0], "` | ", Strings.toString(parameter.value)),
            string.concat(" | ", Strings.toString(parameter.minimum)),
            string.concat(" | ", Strings.toString(parameter.maximum)),
            string.concat(" | ", name[1], " | ", tiers[uint256(parameter.tier)], " |\n")
        );
    }

    function _name(string memory name, string memory unit) private {
        _names.push([name, unit]);
    }
}
