//! Reader and signature check against a real EVM.
#![cfg(feature = "anvil")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, U256, address, keccak256};
use alloy::sol;
use alloy::sol_types::{SolCall, SolValue};
use serde_json::json;
use sovereign_contracts::dev::{Anvil, Artifact, DevChain};
use sovereign_contracts::memes::IMemes::{balanceOfBatchCall, balanceOfCall};
use sovereign_contracts::reader::{
    BlockTag, Call, NoopObserver, ReadError, ReadRequest, Reader, ReaderConfig,
};
use sovereign_contracts::signature::{MAX_SIGNATURE_BYTES, SignatureVerdict, check_signature};
use sovereign_contracts::{delegate_registry, multicall, nft_delegation};

/// anvil's first account, and its key's signature is made by anvil itself.
const OWNER: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const STRANGER: Address = address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");

sol! {
    function deploy(address owner, bytes32 salt) external returns (address);
    function addressOf(address owner, bytes32 salt) external view returns (address);
    function setMood(uint8 mood) external;
}

fn reader(chain: &DevChain) -> Reader {
    let config = ReaderConfig {
        rpc_addrs: vec![chain.url().to_owned()],
        chain_id: 31337,
        timeout: Duration::from_secs(10),
        ..ReaderConfig::default()
    };
    Reader::new(config, Arc::new(NoopObserver)).unwrap()
}

async fn start() -> (Anvil, DevChain, Reader) {
    let (anvil, chain) = Anvil::start_with_stand_ins(&[]).await.unwrap();
    let reader = reader(&chain);
    (anvil, chain, reader)
}

#[tokio::test]
async fn many_balances_come_from_one_block() {
    let (_anvil, chain, reader) = start().await;
    let memes = chain.deploy_memes(OWNER, 3).await.unwrap();
    let ids: Vec<_> = (0..400).map(U256::from).collect();
    let batch = balanceOfBatchCall { accounts: vec![OWNER; 400], ids };
    let single = balanceOfCall { account: STRANGER, id: U256::from(1) };
    let calls = [Call::new(memes, &batch), Call::new(memes, &single)];
    let snapshot = reader.read(&calls, BlockTag::Latest).await.unwrap();
    let balances = snapshot.results[0].decode::<balanceOfBatchCall>().unwrap();
    assert_eq!(balances[..5], [0, 1, 1, 1, 0].map(U256::from));
    assert_eq!(balances.len(), 400);
    assert_eq!(snapshot.results[1].decode::<balanceOfCall>().unwrap(), U256::ZERO);
    assert_eq!(snapshot.block.timestamp, chain.now().await.unwrap());
    let before = reader.read(&calls, BlockTag::Number(snapshot.block.number - 1)).await.unwrap();
    assert_eq!(before.results[0].decode::<balanceOfBatchCall>().unwrap()[3], U256::ZERO, "not minted yet");
    assert_ne!(before.block.parent_hash, snapshot.block.parent_hash);
}

/// A target without code "succeeds" with nothing, which must not be taken for a zero.
#[tokio::test]
async fn a_contract_that_is_not_there_is_an_error() {
    let (_anvil, _chain, reader) = start().await;
    let call = balanceOfCall { account: OWNER, id: U256::ZERO };
    let snapshot = reader.read(&[Call::new(Address::repeat_byte(9), &call)], BlockTag::Latest).await.unwrap();
    assert!(matches!(snapshot.results[0].decode::<balanceOfCall>(), Err(ReadError::Contract { .. })));
    assert_eq!(snapshot.results[0].optional::<balanceOfCall>(), None);
    let all = [multicall::CANONICAL, nft_delegation::MAINNET, delegate_registry::CANONICAL];
    assert!(reader.without_code(&all).await.unwrap().is_empty());
}

/// Fragile calls that burn all gas, three times over, leave the others answered.
#[tokio::test]
async fn fragile_calls_cannot_spoil_the_read() {
    let (_anvil, chain, reader) = start().await;
    let memes = chain.deploy_memes(OWNER, 1).await.unwrap();
    let burner = chain.deploy(OWNER, Artifact::HostileWallet, &U256::from(6).abi_encode()).await.unwrap();
    let good = Call::new(memes, &balanceOfCall { account: OWNER, id: U256::from(1) });
    let burn = Call::new(burner, &balanceOfCall { account: OWNER, id: U256::ZERO });
    let request = ReadRequest {
        calls: vec![good.clone()],
        isolated_calls: vec![burn.clone(), burn.clone(), burn.clone()],
        gas_estimate: 0,
    };
    let snapshot = reader.read_until(&request, BlockTag::Latest, reader.deadline()).await.unwrap();
    assert_eq!(snapshot.results[0].decode::<balanceOfCall>().unwrap(), U256::from(1));
    assert!(snapshot.isolated_results.is_none());

    // Among the calls that are not fragile the same would fail the read, without harm to the provider.
    let calls = [good.clone(), burn.clone(), burn.clone(), burn];
    assert!(matches!(reader.read(&calls, BlockTag::Latest).await, Err(ReadError::Execution(_))));
    assert!(reader.read(&[good], BlockTag::Latest).await.is_ok());
}

#[tokio::test]
async fn a_chain_without_multicall_is_told_clearly() {
    let anvil = Anvil::start(&[]).await.unwrap();
    let reader = reader(&anvil.chain());
    let error = reader.read(&[], BlockTag::Latest).await.unwrap_err();
    assert!(error.to_string().contains("no Multicall3 at 0xcA11bde0"), "{error}");
    assert_eq!(reader.without_code(&[multicall::CANONICAL]).await.unwrap(), [multicall::CANONICAL]);
}

#[tokio::test]
async fn a_chain_that_went_and_came_back_is_read_again() {
    let (anvil, chain, reader) = start().await;
    reader.read(&[], BlockTag::Latest).await.unwrap();
    let port = anvil.port();
    drop(anvil);
    assert!(reader.read(&[], BlockTag::Latest).await.unwrap_err().should_retry());
    let _again = Anvil::start_on(port, &[]).await.unwrap();
    chain.place_stand_ins().await.unwrap();
    let snapshot = reader.read(&[], BlockTag::Latest).await.unwrap();
    assert!(snapshot.block.number < 10);
}

async fn sign(chain: &DevChain, signer: Address, hash: B256) -> Vec<u8> {
    // anvil signs what EIP-191 makes of a text; the wallet gets the hash of that.
    let answer = chain.rpc("eth_sign", json!([signer, hash])).await.unwrap();
    answer.as_str().unwrap().parse::<Bytes>().unwrap().to_vec()
}

fn hash_of_text(hash: B256) -> B256 {
    keccak256([b"\x19Ethereum Signed Message:\n32".as_slice(), hash.as_slice()].concat())
}

fn wrap(factory: Address, order: &[u8], inner: &[u8]) -> Vec<u8> {
    let order = Bytes::copy_from_slice(order);
    let body = (factory, order, Bytes::copy_from_slice(inner)).abi_encode_params();
    [body, [0x64, 0x92].repeat(16)].concat()
}

#[tokio::test]
async fn contract_wallets_say_who_may_sign() {
    let (_anvil, chain, reader) = start().await;
    let wallet = chain.deploy(OWNER, Artifact::SmartWallet, &OWNER.abi_encode()).await.unwrap();
    let text = B256::repeat_byte(3);
    let hash = hash_of_text(text);
    let good = sign(&chain, OWNER, text).await;
    assert_eq!(check_signature(&reader, wallet, hash, &good).await.unwrap(), SignatureVerdict::Valid);
    let bad = sign(&chain, STRANGER, text).await;
    for (what, signature, asked) in [
        ("a stranger's", bad.clone(), wallet),
        ("for another text", sign(&chain, OWNER, B256::ZERO).await, wallet),
        ("none", Vec::new(), wallet),
        ("too long", [good.clone(), vec![0; MAX_SIGNATURE_BYTES]].concat(), wallet),
        ("the owner's own account", good.clone(), OWNER),
        ("no code there", good.clone(), Address::repeat_byte(8)),
    ] {
        assert_eq!(
            check_signature(&reader, asked, hash, &signature).await.unwrap(),
            SignatureVerdict::Invalid,
            "{what}"
        );
    }
}

#[tokio::test]
async fn wallets_to_come_say_it_too() {
    let (_anvil, chain, reader) = start().await;
    let factory = chain.deploy(OWNER, Artifact::WalletFactory, &[]).await.unwrap();
    let question = addressOfCall { owner: OWNER, salt: B256::ZERO };
    let snapshot = reader.read(&[Call::new(factory, &question)], BlockTag::Latest).await.unwrap();
    let wallet = snapshot.results[0].decode::<addressOfCall>().unwrap();
    let order = deployCall { owner: OWNER, salt: B256::ZERO }.abi_encode();
    let text = B256::repeat_byte(4);
    let hash = hash_of_text(text);
    let (good, bad) = (sign(&chain, OWNER, text).await, sign(&chain, STRANGER, text).await);

    assert_eq!(
        check_signature(&reader, wallet, hash, &wrap(factory, &order, &good)).await.unwrap(),
        SignatureVerdict::Valid
    );
    for (what, signature) in [
        ("a stranger's", wrap(factory, &order, &bad)),
        ("not wrapped", good.clone()),
        ("no factory", wrap(Address::repeat_byte(8), &order, &good)),
        (
            "another order",
            wrap(factory, &deployCall { owner: STRANGER, salt: B256::ZERO }.abi_encode(), &good),
        ),
        ("broken wrapping", [good.clone(), [0x64, 0x92].repeat(16)].concat()),
    ] {
        assert_eq!(
            check_signature(&reader, wallet, hash, &signature).await.unwrap(),
            SignatureVerdict::Invalid,
            "{what}"
        );
    }
    let code = chain.rpc("eth_getCode", json!([wallet, "latest"])).await.unwrap();
    assert_eq!(code, "0x", "asking deploys nothing");

    chain.send(OWNER, factory, order.clone().into()).await.unwrap();
    for signature in [good.clone(), wrap(factory, &order, &good)] {
        assert_eq!(
            check_signature(&reader, wallet, hash, &signature).await.unwrap(),
            SignatureVerdict::Valid,
            "once deployed"
        );
    }
}

#[tokio::test]
async fn hostile_wallets_are_a_no_and_a_dead_chain_is_an_error() {
    let (anvil, chain, reader) = start().await;
    let wallet = chain.deploy(OWNER, Artifact::HostileWallet, &U256::ZERO.abi_encode()).await.unwrap();
    for mood in 0..8_u8 {
        chain.call(OWNER, wallet, &setMoodCall { mood }).await.unwrap();
        let verdict = check_signature(&reader, wallet, B256::ZERO, &[0; 65]).await.unwrap();
        assert_eq!(verdict, SignatureVerdict::Invalid, "mood {mood}");
        let through_factory = wrap(wallet, &[0], &[0; 65]);
        let verdict =
            check_signature(&reader, Address::repeat_byte(8), B256::ZERO, &through_factory).await.unwrap();
        assert_eq!(verdict, SignatureVerdict::Invalid, "factory of mood {mood}");
    }
    drop(anvil);
    assert!(check_signature(&reader, wallet, B256::ZERO, &[0; 65]).await.is_err());
}

/// The committed artefacts are what the sources compile to.
#[test]
fn artefacts_are_up_to_date() {
    let contracts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = std::process::Command::new("npm")
        .args(["run", "-s", "artifacts:check"])
        .current_dir(contracts)
        .output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
