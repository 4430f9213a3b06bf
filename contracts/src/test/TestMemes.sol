// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC1155Supply} from "@openzeppelin/contracts/token/ERC1155/extensions/ERC1155Supply.sol";

/// @title TestMemes
/// @notice Stands for The Memes by 6529 on a test chain: many ids, a supply per id, no count of ids.
contract TestMemes is ERC1155Supply, Ownable {
    /// @notice The deployer may mint.
    constructor() ERC1155("") Ownable(msg.sender) {}

    /// @notice Mint `amount` of card `id` to `to`.
    function mint(address to, uint256 id, uint256 amount) external onlyOwner {
        _mint(to, id, amount, "");
    }

    /// @notice Mint one of each id in `first`..`first + count - 1` to `to`.
    function mintRange(address to, uint256 first, uint256 count) external onlyOwner {
        for (uint256 i = 0; i < count; ++i) {
            _mint(to, first + i, 1, "");
        }
    }
}
