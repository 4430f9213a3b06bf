//! The Ethereum side, read and never written: typed interfaces of the contracts that decide about access and of those
//! that keep stake, standing and parameters, a reader that asks several providers for one consistent snapshot, and a
//! follower that tells which addresses events touch.
//!
//! No policy lives here: which card gives which tier is the caller's business.

pub mod delegate_registry;
#[cfg(feature = "dev")]
pub mod dev;
pub mod follower;
pub mod memes;
pub mod multicall;
pub mod nft_delegation;
pub mod reader;
pub mod signature;
pub mod system;
