// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// @title TestGallery
/// @notice An ERC-721 collection for a test chain, as a further collection that gives access.
contract TestGallery is ERC721, Ownable {
    /// @notice The deployer may mint.
    constructor() ERC721("Test Gallery", "GALLERY") Ownable(msg.sender) {}

    /// @notice Mint token `id` to `to`.
    function mint(address to, uint256 id) external onlyOwner {
        _mint(to, id);
    }
}
