//! Contract wallets: deployed ones (EIP-1271) and undeployed ones (ERC-6492), valid and invalid.

use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, U256, hex};
use alloy::sol_types::SolValue as _;
use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Answer, SignIn, Wallet};
use sovereign_contracts::dev::{Anvil, Artifact};

use crate::fixture::response_time::{eventually_within, within_response_limit};
use crate::fixture::{Fixture, ensure_refusal, random_account};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = scenarios![
        accepts_contract_wallet,
        rejects_contract_wallet_of_another_chain,
        accepts_undeployed_wallet
    ];
    // Hostile contracts use up the gas of a call, and the gate waits for Ethereum no longer than 2.5 s.
    scenarios.extend(scenarios![exclusive:
        rejects_denying_contract_wallets,
        rejects_invalid_undeployed_wallets,
    ]);
    scenarios
}

/// The last 32 bytes of a signature of an undeployed wallet.
const ERC6492_SUFFIX: [u8; 32] = hex!("6492649264926492649264926492649264926492649264926492649264926492");

/// Requests a challenge for `wallet` and signs its message with `sign`.
async fn sign_in(
    fixture: &Fixture,
    wallet: Address,
    sign: impl FnOnce(&str) -> Result<String>,
) -> Result<Answer> {
    let site = SignIn::at(&fixture.gate().url)?;
    let challenge = site.challenge(wallet, &random_account(), None).await?;
    site.bind(&challenge.message, &sign(&challenge.message)?).await
}

fn wrap_erc6492(factory: Address, call: &[u8], signature: &str) -> Result<String> {
    let inner = hex::decode(signature)?;
    let arguments = (factory, Bytes::copy_from_slice(call), Bytes::from(inner)).abi_encode_params();
    Ok(hex::encode_prefixed([arguments.as_slice(), &ERC6492_SUFFIX].concat()))
}

fn ensure_accepted(answer: &Answer) -> Result<()> {
    ensure!(answer.status == 201, "{} {}", answer.status, String::from_utf8_lossy(&answer.bytes));
    Ok(())
}

async fn accepts_contract_wallet(fixture: &Fixture) -> Result<()> {
    let (ethereum, owner) = (&fixture.ethereum, Wallet::fresh());
    let wallet = ethereum.contract_wallet(owner.address()).await?;
    // Without a card the signature is valid and gives nothing.
    ensure_refusal(&sign_in(fixture, wallet, |text| owner.sign(text)).await?, 403, 105)?;
    ethereum.mint(wallet, ethereum.this_card()).await?;
    let site = SignIn::at(&fixture.gate().url)?;
    let (challenge, account) = {
        let account = fixture.funded_account().await?;
        (site.challenge(wallet, &account.address, None).await?, account)
    };
    let signed = || async {
        let answer = site.bind(&challenge.message, &owner.sign(&challenge.message)?).await?;
        ensure_accepted(&answer)?;
        Ok(answer)
    };
    let answer = eventually_within(fixture.gate(), Duration::from_secs(3), "the card counts", signed).await?;
    ensure!(answer.result()?["tier"] == "free", "{:?}", answer.body);
    let session = fixture.open_direct_session(&account).await?;
    crate::fixture::expect_admission(fixture.gate(), &account.wireguard_handshake(session)?).await.map(drop)
}

/// 122 for each, within the time limit.
async fn rejects_denying_contract_wallets(fixture: &Fixture) -> Result<()> {
    const HOSTILE_MOODS: u8 = 8;
    let (ethereum, owner) = (&fixture.ethereum, Wallet::fresh());
    let wallet = ethereum.contract_wallet(owner.address()).await?;
    ethereum.mint(wallet, ethereum.this_card()).await?;
    let stranger = Wallet::fresh();
    ensure_refusal(&sign_in(fixture, wallet, |text| stranger.sign(text)).await?, 401, 122)
        .context("the signature of another wallet")?;
    ensure_refusal(&sign_in(fixture, wallet, |_| owner.sign("another text")).await?, 401, 122)
        .context("another text")?;
    ensure_refusal(&sign_in(fixture, wallet, |_| Ok("0x".to_owned())).await?, 401, 122)
        .context("no signature")?;
    for mood in 0..HOSTILE_MOODS {
        let argument = U256::from(mood).to_be_bytes::<32>();
        let hostile =
            ethereum.chain().deploy(ethereum.deployer(), Artifact::HostileWallet, &argument).await?;
        ethereum.mint(hostile, ethereum.this_card()).await?;
        let (what, request) = (format!("mood {mood}"), sign_in(fixture, hostile, |text| owner.sign(text)));
        let answer = within_response_limit(fixture.gate(), &what, request).await?;
        ensure_refusal(&answer, 401, 122).context(what)?;
    }
    Ok(())
}

/// The wallet accepts the signature on another chain, and its card is here, where its address has no code.
async fn rejects_contract_wallet_of_another_chain(fixture: &Fixture) -> Result<()> {
    let (ethereum, owner) = (&fixture.ethereum, Wallet::fresh());
    let elsewhere = Anvil::start(&["--chain-id", "5"]).await?;
    let argument = owner.address().into_word();
    let deployer = Wallet::fresh().address();
    let wallet = elsewhere.chain().deploy(deployer, Artifact::SmartWallet, argument.as_slice()).await?;
    ensure!(!ethereum.chain().has_code(wallet).await?, "{wallet} is here too");
    ethereum.mint(wallet, ethereum.this_card()).await?;
    let answer = sign_in(fixture, wallet, |text| owner.sign(text)).await?;
    ensure_refusal(&answer, 401, 122)
}

async fn accepts_undeployed_wallet(fixture: &Fixture) -> Result<()> {
    let (ethereum, owner) = (&fixture.ethereum, Wallet::fresh());
    let (wallet, factory, call) = ethereum.undeployed_wallet(owner.address(), B256::repeat_byte(1)).await?;
    ethereum.mint(wallet, ethereum.other_card()).await?;
    let sign = |text: &str| wrap_erc6492(factory, &call, &owner.sign(text)?);
    ensure_accepted(&sign_in(fixture, wallet, sign).await?)?;
    let code = ethereum.chain().rpc("eth_getCode", serde_json::json!([wallet, "latest"])).await?;
    ensure!(code == "0x", "asking deployed it");
    // Once it is deployed, both forms are valid.
    ethereum.chain().send(owner.address(), factory, call.clone().into()).await?;
    ensure_accepted(&sign_in(fixture, wallet, sign).await?).context("deployed, wrapped")?;
    ensure_accepted(&sign_in(fixture, wallet, |text| owner.sign(text)).await?).context("deployed, plain")
}

async fn rejects_invalid_undeployed_wallets(fixture: &Fixture) -> Result<()> {
    let (ethereum, owner, stranger) = (&fixture.ethereum, Wallet::fresh(), Wallet::fresh());
    let salt = B256::repeat_byte(2);
    let (wallet, factory, call) = ethereum.undeployed_wallet(owner.address(), salt).await?;
    let (_, _, strangers) = ethereum.undeployed_wallet(stranger.address(), salt).await?;
    ethereum.mint(wallet, ethereum.other_card()).await?;
    let hostile = ethereum
        .chain()
        .deploy(ethereum.deployer(), Artifact::HostileWallet, &U256::from(6).to_be_bytes::<32>())
        .await?;
    let cases: [(&str, Address, &[u8], &Wallet); 6] = [
        ("another wallet signed", factory, &call, &stranger),
        ("the call deploys another wallet", factory, &strangers, &stranger),
        ("the call does nothing", factory, &[], &owner),
        ("no factory there", Wallet::fresh().address(), &call, &owner),
        ("the factory burns its gas", hostile, &call, &owner),
        ("the factory is the wallet", wallet, &call, &owner),
    ];
    for (name, at, call, signer) in cases {
        let request = sign_in(fixture, wallet, |text| wrap_erc6492(at, call, &signer.sign(text)?));
        let answer = within_response_limit(fixture.gate(), name, request).await?;
        ensure_refusal(&answer, 401, 122).context(name)?;
    }
    let unwrapped = sign_in(fixture, wallet, |text| owner.sign(text)).await?;
    ensure_refusal(&unwrapped, 401, 122).context("not wrapped")?;
    let torn = sign_in(fixture, wallet, |_| {
        Ok(hex::encode_prefixed([[7; 40].as_slice(), &ERC6492_SUFFIX].concat()))
    })
    .await?;
    ensure_refusal(&torn, 401, 122).context("torn")?;
    // A factory cannot stand for a plain wallet: the card is at another address.
    let plain = ethereum.holder(&[ethereum.other_card()]).await?;
    let posed =
        sign_in(fixture, plain.address(), |text| wrap_erc6492(factory, &strangers, &stranger.sign(text)?))
            .await?;
    ensure_refusal(&posed, 401, 122).context("in the place of a plain wallet")
}
