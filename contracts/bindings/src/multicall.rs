//! Multicall3: many reads in one `eth_call`, all of one block.

use alloy::primitives::{Address, address};
use alloy::sol;

/// The same on nearly every chain; a fresh local chain lacks it.
pub const CANONICAL: Address = address!("cA11bde05977b3631167028862bE2a173976CA11");

sol! {
    /// The part in use.
    #[derive(Debug, PartialEq, Eq)]
    interface IMulticall3 {
        struct Call3 {
            address target;
            bool allowFailure;
            bytes callData;
        }

        struct Result {
            bool success;
            bytes returnData;
        }

        function aggregate3(Call3[] calls) external payable returns (Result[] results);
        function getBlockNumber() external view returns (uint256);
        function getCurrentBlockTimestamp() external view returns (uint256);
        function getLastBlockHash() external view returns (bytes32);
        function getChainId() external view returns (uint256);
    }
}
