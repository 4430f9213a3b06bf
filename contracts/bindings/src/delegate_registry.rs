//! delegate.xyz v2. In every call `to` is the hot wallet and `from` the vault.

use alloy::primitives::{Address, address};
use alloy::sol;

/// The same on every chain.
pub const CANONICAL: Address = address!("00000000000000447e69651d841bD8D104Bed493");

/// The vault's whole wallet.
pub const TYPE_ALL: u8 = 1;
/// One contract.
pub const TYPE_CONTRACT: u8 = 2;
/// One id of an ERC-1155 contract.
pub const TYPE_ERC1155: u8 = 5;

sol! {
    /// What is read of the contract, and the events that change it.
    #[derive(Debug, PartialEq, Eq)]
    interface IDelegateRegistry {
        /// `kind` is decoded as a plain number: an unknown one must not spoil its neighbours.
        struct Delegation {
            uint8 kind;
            address to;
            address from;
            bytes32 rights;
            address contract_;
            uint256 tokenId;
            uint256 amount;
        }

        function getIncomingDelegations(address to) external view returns (Delegation[] delegations);
        function getOutgoingDelegations(address from) external view returns (Delegation[] delegations);
        function checkDelegateForContract(address to, address from, address contract_, bytes32 rights) external view returns (bool);
        function checkDelegateForERC1155(address to, address from, address contract_, uint256 tokenId, bytes32 rights) external view returns (uint256);

        function delegateAll(address to, bytes32 rights, bool enable) external payable returns (bytes32);
        function delegateContract(address to, address contract_, bytes32 rights, bool enable) external payable returns (bytes32);
        function delegateERC721(address to, address contract_, uint256 tokenId, bytes32 rights, bool enable) external payable returns (bytes32);
        function delegateERC20(address to, address contract_, bytes32 rights, uint256 amount) external payable returns (bytes32);
        function delegateERC1155(address to, address contract_, uint256 tokenId, bytes32 rights, uint256 amount) external payable returns (bytes32);

        event DelegateAll(address indexed from, address indexed to, bytes32 rights, bool enable);
        event DelegateContract(address indexed from, address indexed to, address indexed contract_, bytes32 rights, bool enable);
        event DelegateERC1155(address indexed from, address indexed to, address indexed contract_, uint256 tokenId, bytes32 rights, uint256 amount);
    }
}
