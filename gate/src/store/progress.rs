//! Values that let a restarted gate resume: the cursor in Ethereum's events and the node's address.

use alloy::primitives::B256;
use sentinel_proto::address::NodeAddress;
use sovereign_contracts::follower::Cursor;

use super::database::Database;
use super::error::StoreError;
use super::sql;
use super::write_request::WriteRequest;

/// Names in the table `meta`.
const ETHEREUM_CURSOR_NAME: &str = "ethereum_cursor";
const NODE_ADDRESS_NAME: &str = "node_address";

/// Repository of the values that let a restarted gate resume.
#[derive(Debug, Clone, Copy)]
pub struct ProgressRepository<'a> {
    database: &'a Database,
}

impl<'a> ProgressRepository<'a> {
    pub(super) fn new(database: &'a Database) -> Self {
        Self { database }
    }

    /// Cursor up to which Ethereum's events were processed.
    pub async fn ethereum_cursor(self) -> Result<Option<Cursor>, StoreError> {
        let value = self.read(ETHEREUM_CURSOR_NAME).await?;
        Ok(value.and_then(|bytes| {
            let (number, hash) = bytes.split_first_chunk::<8>()?;
            Some(Cursor { number: u64::from_be_bytes(*number), hash: B256::try_from(hash).ok()? })
        }))
    }

    /// Stores the cursor up to which events were processed.
    pub async fn set_ethereum_cursor(self, cursor: Cursor) -> Result<(), StoreError> {
        let value = [&cursor.number.to_be_bytes()[..], cursor.hash.as_slice()].concat();
        self.write(ETHEREUM_CURSOR_NAME, value).await
    }

    /// The node's last known address on the hub.
    pub async fn node_address(self) -> Result<Option<NodeAddress>, StoreError> {
        let value = self.read(NODE_ADDRESS_NAME).await?;
        Ok(value.and_then(|bytes| <[u8; 20]>::try_from(bytes).ok()).map(NodeAddress::new))
    }

    /// Stores the node's address, so that its sessions are followed after a restart before the node answers.
    pub async fn set_node_address(self, node: NodeAddress) -> Result<(), StoreError> {
        self.write(NODE_ADDRESS_NAME, node.as_bytes().to_vec()).await
    }

    async fn read(self, name: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        self.database.readers.read(move |connection| sql::meta(connection, name)).await
    }

    async fn write(self, name: &'static str, value: Vec<u8>) -> Result<(), StoreError> {
        self.database.write(|reply| WriteRequest::Meta { name, value, reply }).await
    }
}
