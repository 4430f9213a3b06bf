// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// @title SafeBundle
/// @notice Transactions as a file that the transaction builder of Safe{Wallet} opens.
library SafeBundle {
    using Strings for address;
    using Strings for uint256;

    struct Transaction {
        address to;
        uint256 value;
        bytes data;
    }

    function toJson(string memory name, string memory description, Transaction[] memory transactions)
        internal
        view
        returns (string memory json)
    {
        json = string.concat(
            '{"version":"1.0","chainId":"',
            block.chainid.toString(),
            '","createdAt":0,"meta":{"name":"',
            name,
            '","description":"',
            description,
            '"},"transactions":['
        );
        for (uint256 i = 0; i < transactions.length; ++i) {
            json = string.concat(
                json,
                i == 0 ? "" : ",",
                '{"to":"',
                transactions[i].to.toChecksumHexString(),
                '","value":"',
                transactions[i].value.toString(),
                '","data":"',
                Strings.toHexString(transactions[i].data),
                '","contractMethod":null,"contractInputsValues":null}'
            );
        }
        json = string.concat(json, "]}");
    }

    function one(address to, bytes memory data) internal pure returns (Transaction[] memory list) {
        list = new Transaction[](1);
        list[0] = Transaction(to, 0, data);
    }
}
