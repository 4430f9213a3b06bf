// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title ICommittee
/// @notice Whoever acts on the committee's word asks here whether enough members have signed it.
interface ICommittee {
    /// @notice Number of the present committee. A rotation raises it and voids signatures that were collected under
    /// the number before; a departure of a member does neither.
    function committeeVersion() external view returns (uint64);

    /// @notice Signatures needed: two thirds of the seats at the last rotation, rounded up.
    function threshold() external view returns (uint256);

    /// @notice Whether `who` is a member now.
    function isMember(address who) external view returns (bool);

    /// @notice The members in ascending order.
    function members() external view returns (address[] memory);

    /// @notice What members sign for `structHash`: the EIP-712 digest in the domain of this contract
    /// (name "Sovereign Gate Committee", version "1", chain id, this address).
    function digest(bytes32 structHash) external view returns (bytes32);

    /// @notice Whether at least `threshold()` members have signed `structHash`.
    /// @dev Signatures of a member that left the present committee count for a day more, so that a departure does not
    /// void what is signed. False, never a revert, for an older `version`, no committee, signers that are not strictly
    /// ascending, not members, or fewer than the threshold, and for any signature that is not its signer's. The
    /// struct should contain the version and whatever makes the caller's statement unique.
    function verify(
        bytes32 structHash,
        bytes[] calldata signatures,
        address[] calldata signers,
        uint64 version
    ) external view returns (bool);

    /// @notice Whether `signature` of `structHash` in this domain is `who`'s, member or not.
    function signedBy(address who, bytes32 structHash, bytes calldata signature) external view returns (bool);
}
