// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title CommitteeDouble
/// @notice A committee without bonds or epochs that checks signatures as the real one must.
contract CommitteeDouble is EIP712 {
    mapping(address who => bool) public isMember;
    uint256 public size;
    uint64 public committeeVersion = 1;

    constructor(address[] memory members) EIP712("Sovereign Gate Committee", "1") {
        size = members.length;
        for (uint256 i = 0; i < members.length; ++i) {
            isMember[members[i]] = true;
        }
    }

    function rotate() external {
        ++committeeVersion;
    }

    function threshold() public view returns (uint256) {
        return (2 * size + 2) / 3;
    }

    function digest(bytes32 structHash) public view returns (bytes32) {
        return _hashTypedDataV4(structHash);
    }

    /// @dev Unlike the real one it does not look at the version, so that a caller which forgets to is found out.
    function verify(bytes32 structHash, bytes[] calldata signatures, address[] calldata signers, uint64)
        external
        view
        returns (bool)
    {
        if (signatures.length != signers.length || signers.length < threshold()) return false;
        address last = address(0);
        for (uint256 i = 0; i < signers.length; ++i) {
            (address who, ECDSA.RecoverError failure,) =
                ECDSA.tryRecoverCalldata(digest(structHash), signatures[i]);
            if (failure != ECDSA.RecoverError.NoError || who != signers[i]) return false;
            if (who <= last || !isMember[who]) return false;
            last = who;
        }
        return true;
    }
}
