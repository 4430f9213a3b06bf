//! Collections of cards: The Memes by 6529 (ERC-1155), and ERC-721 collections.

use alloy::primitives::{Address, address};
use alloy::sol;

/// The Memes by 6529 on mainnet.
pub const MAINNET: Address = address!("33fd426905f149f8376e227d0c9d3340aad17af1");

sol! {
    /// ERC-1155 with a supply per id, as Manifold's creator core has it. There is no count of ids.
    #[derive(Debug, PartialEq, Eq)]
    interface IMemes {
        function balanceOf(address account, uint256 id) external view returns (uint256);
        function balanceOfBatch(address[] accounts, uint256[] ids) external view returns (uint256[]);
        function totalSupply(uint256 id) external view returns (uint256);
        event TransferSingle(address indexed operator, address indexed from, address indexed to, uint256 id, uint256 value);
        event TransferBatch(address indexed operator, address indexed from, address indexed to, uint256[] ids, uint256[] values);
    }

    /// ERC-721, of which only the number of tokens that a wallet holds is asked.
    #[derive(Debug, PartialEq, Eq)]
    interface IERC721 {
        function balanceOf(address account) external view returns (uint256);
        event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);
    }
}
