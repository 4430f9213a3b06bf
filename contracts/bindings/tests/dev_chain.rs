//! The development chain carries what tests and the local network build on.
#![cfg(feature = "anvil")]
#![allow(clippy::unwrap_used, reason = "tests")]

use alloy::primitives::{Address, U256, address};
use serde_json::json;
use sovereign_contracts::dev::{Anvil, placements};

const DEPLOYER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

#[tokio::test]
async fn stand_ins_stand_at_their_addresses_and_cards_can_be_minted() {
    let (_anvil, chain) = Anvil::start_with_stand_ins(&[]).await.unwrap();
    for (address, artifact) in placements() {
        let code = chain.rpc("eth_getCode", json!([address, "latest"])).await.unwrap();
        assert_eq!(code, json!(artifact.runtime_code()), "{artifact:?}");
    }
    let memes = chain.deploy_memes(DEPLOYER, 3).await.unwrap();
    assert_eq!(chain.balance(memes, DEPLOYER, 3).await.unwrap(), U256::from(1));
    assert_eq!(chain.balance(memes, DEPLOYER, 4).await.unwrap(), U256::ZERO);

    let stranger = Address::repeat_byte(7);
    assert!(chain.mint(stranger, memes, stranger, 1).await.is_err(), "only the deployer mints");
}

#[tokio::test]
async fn the_usual_create2_deployer_is_there() {
    let anvil = Anvil::start(&[]).await.unwrap();
    let deployer = address!("4e59b44847b379578588920cA78FbF26c0B4956C");
    let code = anvil.chain().rpc("eth_getCode", json!([deployer, "latest"])).await.unwrap();
    assert!(code.as_str().unwrap().len() > 2);
}
