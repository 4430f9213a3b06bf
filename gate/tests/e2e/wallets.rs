//! Contract wallets: deployed ones (EIP-1271) and undeployed ones (ERC-6492), valid and invalid.

use std::time::Instant;

use alloy::primitives::{Address, B256, Bytes, U256, hex};
use alloy::sol_types::SolValue as _;
use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Answer, SignIn, Wallet};
use sovereign_contracts::dev::{Anvil, Artifact};

use crate::trial::{Trial, trials};
use crate::world::{PATIENCE, World, refused, some_account};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_contract_wallet,
        contract_wallets_that_do_not_say_yes,
        a_contract_wallet_of_another_chain,
        a_wallet_that_is_not_deployed_yet,
        wallets_that_would_not_be_deployed_like_that,
    ]
}

/// The last 32 bytes of a signature of an undeployed wallet.
const MAGIC: [u8; 32] = hex!("6492649264926492649264926492649264926492649264926492649264926492");

/// Requests a challenge for `wallet` and signs its message with `sign`.
async fn sign_in(
    world: &World,
    wallet: Address,
    sign: impl FnOnce(&str) -> Result<String>,
) -> Result<Answer> {
    let site = SignIn::at(&world.gate().url)?;
    let challenge = site.challenge(wallet, &some_account(), None).await?;
    site.bind(&challenge.message, &sign(&challenge.message)?).await
}

fn wrapped(factory: Address, call: &[u8], signature: &str) -> Result<String> {
    let inner = hex::decode(signature)?;
    let arguments = (factory, Bytes::copy_from_slice(call), Bytes::from(inner)).abi_encode_params();
    Ok(hex::encode_prefixed([arguments.as_slice(), &MAGIC].concat()))
}

fn accepted(answer: &Answer) -> Result<()> {
    ensure!(answer.status == 201, "{} {}", answer.status, String::from_utf8_lossy(&answer.bytes));
    Ok(())
}

async fn a_contract_wallet(world: &World) -> Result<()> {
    let (ethereum, owner) = (&world.ethereum, Wallet::fresh());
    let wallet = ethereum.contract_wallet(owner.address()).await?;
    // Without a card the signature is valid and gives nothing.
    refused(&sign_in(world, wallet, |text| owner.sign(text)).await?, 403, 105)?;
    ethereum.mint(wallet, ethereum.this_card()).await?;
    let site = SignIn::at(&world.gate().url)?;
    let (challenge, account) = {
        let account = world.account().await?;
        (site.challenge(wallet, &account.address, None).await?, account)
    };
    let signed = || async {
        let answer = site.bind(&challenge.message, &owner.sign(&challenge.message)?).await?;
        accepted(&answer)?;
        Ok(answer)
    };
    let answer = crate::world::eventually("the card counts", PATIENCE, signed).await?;
    ensure!(answer.result()?["tier"] == "free", "{:?}", answer.body);
    let session = world.direct_session(&account).await?;
    crate::world::enter(world.gate(), &account.wireguard_handshake(session)?).await.map(drop)
}

/// 122 for each, within the time limit.
async fn contract_wallets_that_do_not_say_yes(world: &World) -> Result<()> {
    const MOODS: u8 = 8;
    let (ethereum, owner) = (&world.ethereum, Wallet::fresh());
    let wallet = ethereum.contract_wallet(owner.address()).await?;
    ethereum.mint(wallet, ethereum.this_card()).await?;
    let stranger = Wallet::fresh();
    refused(&sign_in(world, wallet, |text| stranger.sign(text)).await?, 401, 122)
        .context("somebody else's")?;
    refused(&sign_in(world, wallet, |_| owner.sign("another text")).await?, 401, 122)
        .context("another text")?;
    refused(&sign_in(world, wallet, |_| Ok("0x".to_owned())).await?, 401, 122).context("no signature")?;
    for mood in 0..MOODS {
        let argument = U256::from(mood).to_be_bytes::<32>();
        let hostile =
            ethereum.chain().deploy(ethereum.deployer(), Artifact::HostileWallet, &argument).await?;
        ethereum.mint(hostile, ethereum.this_card()).await?;
        let begun = Instant::now();
        let answer = sign_in(world, hostile, |text| owner.sign(text)).await?;
        refused(&answer, 401, 122).with_context(|| format!("mood {mood}"))?;
        ensure!(begun.elapsed() < PATIENCE, "mood {mood} took {:?}", begun.elapsed());
    }
    Ok(())
}

/// The wallet accepts the signature on another chain, and its card is here, where its address has no code.
async fn a_contract_wallet_of_another_chain(world: &World) -> Result<()> {
    let (ethereum, owner) = (&world.ethereum, Wallet::fresh());
    let elsewhere = Anvil::start(&["--chain-id", "5"]).await?;
    let argument = owner.address().into_word();
    let somebody = Wallet::fresh().address();
    let wallet = elsewhere.chain().deploy(somebody, Artifact::SmartWallet, argument.as_slice()).await?;
    ensure!(!ethereum.chain().has_code(wallet).await?, "{wallet} is here too");
    ethereum.mint(wallet, ethereum.this_card()).await?;
    let answer = sign_in(world, wallet, |text| owner.sign(text)).await?;
    refused(&answer, 401, 122)
}

async fn a_wallet_that_is_not_deployed_yet(world: &World) -> Result<()> {
    let (ethereum, owner) = (&world.ethereum, Wallet::fresh());
    let (wallet, factory, call) = ethereum.undeployed_wallet(owner.address(), B256::repeat_byte(1)).await?;
    ethereum.mint(wallet, ethereum.other_card()).await?;
    let sign = |text: &str| wrapped(factory, &call, &owner.sign(text)?);
    accepted(&sign_in(world, wallet, sign).await?)?;
    let code = ethereum.chain().rpc("eth_getCode", serde_json::json!([wallet, "latest"])).await?;
    ensure!(code == "0x", "asking deployed it");
    // Once it is deployed, both forms are valid.
    ethereum.chain().send(owner.address(), factory, call.clone().into()).await?;
    accepted(&sign_in(world, wallet, sign).await?).context("deployed, wrapped")?;
    accepted(&sign_in(world, wallet, |text| owner.sign(text)).await?).context("deployed, plain")
}

async fn wallets_that_would_not_be_deployed_like_that(world: &World) -> Result<()> {
    let (ethereum, owner, stranger) = (&world.ethereum, Wallet::fresh(), Wallet::fresh());
    let salt = B256::repeat_byte(2);
    let (wallet, factory, call) = ethereum.undeployed_wallet(owner.address(), salt).await?;
    let (_, _, strangers) = ethereum.undeployed_wallet(stranger.address(), salt).await?;
    ethereum.mint(wallet, ethereum.other_card()).await?;
    let hostile = ethereum
        .chain()
        .deploy(ethereum.deployer(), Artifact::HostileWallet, &U256::from(6).to_be_bytes::<32>())
        .await?;
    let cases: [(&str, Address, &[u8], &Wallet); 6] = [
        ("somebody else signed", factory, &call, &stranger),
        ("the call deploys another wallet", factory, &strangers, &stranger),
        ("the call does nothing", factory, &[], &owner),
        ("no factory there", Wallet::fresh().address(), &call, &owner),
        ("the factory burns its gas", hostile, &call, &owner),
        ("the factory is the wallet", wallet, &call, &owner),
    ];
    for (name, at, call, signer) in cases {
        let begun = Instant::now();
        let answer = sign_in(world, wallet, |text| wrapped(at, call, &signer.sign(text)?)).await?;
        refused(&answer, 401, 122).context(name)?;
        ensure!(begun.elapsed() < PATIENCE, "{name} took {:?}", begun.elapsed());
    }
    let unwrapped = sign_in(world, wallet, |text| owner.sign(text)).await?;
    refused(&unwrapped, 401, 122).context("not wrapped")?;
    let torn =
        sign_in(world, wallet, |_| Ok(hex::encode_prefixed([[7; 40].as_slice(), &MAGIC].concat()))).await?;
    refused(&torn, 401, 122).context("torn")?;
    // A factory cannot stand for a plain wallet: the card is at another address.
    let plain = ethereum.holder(&[ethereum.other_card()]).await?;
    let posed =
        sign_in(world, plain.address(), |text| wrapped(factory, &strangers, &stranger.sign(text)?)).await?;
    refused(&posed, 401, 122).context("in the place of a plain wallet")
}
