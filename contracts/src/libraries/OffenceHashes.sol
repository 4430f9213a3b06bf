// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Offence} from "../interfaces/ISlashingManager.sol";

/// @title OffenceHashes
/// @notice Structs that the committee signs for the SlashingManager. They name the manager, as the domain they are
/// signed in is the committee's.
library OffenceHashes {
    bytes32 private constant REPORT = keccak256(
        "OffenceReport(address manager,bytes20 node,uint8 offence,uint64 from,uint64 to,uint64 committeeVersion)"
    );
    bytes32 private constant VERDICT =
        keccak256("Verdict(address manager,uint256 dispute,bool upheld,uint64 committeeVersion)");

    /// @notice An automatic offence in a period.
    function report(bytes20 node, Offence offence, uint64 from, uint64 to, uint64 version)
        internal
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(REPORT, address(this), node, uint8(offence), from, to, version));
    }

    /// @notice The decision of a dispute.
    function verdict(uint256 id, bool upheld, uint64 version) internal view returns (bytes32) {
        return keccak256(abi.encode(VERDICT, address(this), id, upheld, version));
    }
}
