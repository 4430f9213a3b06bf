//! Cards held by another wallet: each kind of delegation, when it counts and when it does not.

use std::time::Duration;

use alloy::primitives::{Address, B256, U256, keccak256};
use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Ethereum, SignIn, Wallet};
use sentinel_stack::info::GateInfo;
use serde_json::Value;
use sovereign_contracts::delegate_registry::IDelegateRegistry;
use sovereign_contracts::nft_delegation::{
    ALL_COLLECTIONS, USE_CASE_ALL, USE_CASE_CLUB_ACCESS, USE_CASE_CONSOLIDATION, USE_CASE_SUB_DELEGATION,
};

use crate::fixture::response_time::eventually_within;
use crate::fixture::{Fixture, ensure_refusal, random_account, set_key, set_short_cache};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![
        accepts_6529_delegations,
        rejects_insufficient_6529_delegations,
        rejects_ended_6529_delegations,
        accepts_only_two_sided_consolidations,
        accepts_delegate_xyz_delegations,
        rejects_insufficient_delegate_xyz_delegations,
        accepts_configured_delegate_xyz_rights,
        chooses_the_best_tier_over_all_vaults,
        admits_by_named_vault_among_many_delegations,
        discovers_card_minted_while_running,
        accepts_card_of_configured_collection,
    ]
}

/// A vault and a hot wallet without cards.
struct DelegatedPair {
    vault: Address,
    hot: Address,
}

impl DelegatedPair {
    async fn with_card(ethereum: &Ethereum, card: u64) -> Result<Self> {
        let vault = ethereum.holder(&[card]).await?.address();
        Ok(Self { vault, hot: Wallet::fresh().address() })
    }
}

async fn fetch_eligibility(gate: &GateInfo, wallet: Address) -> Result<Value> {
    Ok(SignIn::at(&gate.url)?.eligibility(wallet).await?.result()?.clone())
}

/// Requires that the hot wallet has this tier by this vault.
async fn expect_tier(gate: &GateInfo, pair: &DelegatedPair, tier: &str, via: &str) -> Result<()> {
    let eligibility = fetch_eligibility(gate, pair.hot).await?;
    ensure!(eligibility["tier"] == tier && eligibility["via"] == via, "the eligibility is {eligibility}");
    ensure!(eligibility["vault"] == pair.vault.to_string(), "the eligibility is {eligibility}");
    Ok(())
}

async fn expect_denied(gate: &GateInfo, wallet: Address) -> Result<()> {
    let eligibility = fetch_eligibility(gate, wallet).await?;
    ensure!(
        eligibility["tier"] == "denied" && eligibility["via"].is_null() && eligibility["vault"].is_null(),
        "the eligibility is {eligibility}"
    );
    Ok(())
}

async fn accepts_6529_delegations(fixture: &Fixture) -> Result<()> {
    let (ethereum, gate) = (&fixture.ethereum, fixture.gate());
    let (memes, card) = (ethereum.memes(), ethereum.other_card());
    let hour = Some(ethereum.chain().now().await? + 3600);
    for (name, collection, use_case, expiry, token) in [
        ("the Memes", memes, USE_CASE_ALL, None, None),
        ("the Memes, with an end to come", memes, USE_CASE_ALL, hour, None),
        ("the Memes, one card", memes, USE_CASE_ALL, None, Some(card)),
        ("the Memes, club access", memes, USE_CASE_CLUB_ACCESS, None, None),
        ("all collections", ALL_COLLECTIONS, USE_CASE_ALL, None, None),
        ("all collections, club access", ALL_COLLECTIONS, USE_CASE_CLUB_ACCESS, None, None),
    ] {
        let pair = DelegatedPair::with_card(ethereum, card).await?;
        ethereum.register_6529(pair.vault, collection, pair.hot, use_case, expiry, token).await?;
        expect_tier(gate, &pair, "paid", "6529-delegation").await.context(name)?;
    }
    let pair = DelegatedPair::with_card(ethereum, ethereum.this_card()).await?;
    ethereum.delegate_6529(pair.vault, pair.hot).await?;
    expect_tier(gate, &pair, "free", "6529-delegation").await
}

async fn rejects_insufficient_6529_delegations(fixture: &Fixture) -> Result<()> {
    let (ethereum, gate) = (&fixture.ethereum, fixture.gate());
    let (memes, card) = (ethereum.memes(), ethereum.other_card());
    let now = Some(ethereum.chain().now().await?);
    let gallery = fixture.stack.info().ethereum.contracts["TestGallery"].parse()?;
    for (name, collection, use_case, expiry, token) in [
        ("expired", memes, USE_CASE_ALL, now, None),
        ("another collection", gallery, USE_CASE_ALL, None, None),
        ("another card", memes, USE_CASE_ALL, None, Some(card + 1)),
        ("card number 0", memes, USE_CASE_ALL, None, Some(0)),
        ("for minting", memes, 2, None, None),
        ("for views", memes, 15, None, None),
        ("to manage", memes, 16, None, None),
        ("to delegate further", memes, USE_CASE_SUB_DELEGATION, None, None),
        ("to delegate further, everywhere", ALL_COLLECTIONS, USE_CASE_SUB_DELEGATION, None, None),
    ] {
        let pair = DelegatedPair::with_card(ethereum, card).await?;
        ethereum.register_6529(pair.vault, collection, pair.hot, use_case, expiry, token).await?;
        expect_denied(gate, pair.hot).await.context(name)?;
    }
    // Anyone can delegate to a vault with cards: that gives the vault a right, not the delegator.
    let pair = DelegatedPair::with_card(ethereum, card).await?;
    ethereum.delegate_6529(pair.hot, pair.vault).await?;
    expect_denied(gate, pair.hot).await.context("the wrong direction")?;
    let (pair, last) = (DelegatedPair::with_card(ethereum, card).await?, Wallet::fresh().address());
    ethereum.delegate_6529(pair.vault, pair.hot).await?;
    ethereum.delegate_6529(pair.hot, last).await?;
    expect_denied(gate, last).await.context("handed on")?;
    // The contract pads its lists with zero addresses, to which cards can be sent.
    let outsider = Wallet::fresh();
    ethereum.mint(Address::repeat_byte(0xde), card).await?;
    expect_denied(gate, outsider.address()).await?;
    let site = SignIn::at(&gate.url)?;
    let challenge = site.challenge(outsider.address(), &random_account(), Some(pair.vault)).await?;
    let answer = site.bind(&challenge.message, &outsider.sign(&challenge.message)?).await?;
    ensure_refusal(&answer, 403, 105).context("a vault that is named, but did not delegate")
}

/// Revocation of the delegation and sale of the card. Answers are cached for some seconds.
async fn rejects_ended_6529_delegations(fixture: &Fixture) -> Result<()> {
    let ethereum = &fixture.ethereum;
    let gate = fixture.start_gate("gate-ends", set_short_cache).await?;
    let card = ethereum.other_card();
    let (revoked, emptied) =
        tokio::try_join!(DelegatedPair::with_card(ethereum, card), DelegatedPair::with_card(ethereum, card))?;
    for pair in [&revoked, &emptied] {
        ethereum.delegate_6529(pair.vault, pair.hot).await?;
        expect_tier(&gate, pair, "paid", "6529-delegation").await?;
    }
    ethereum.revoke_6529(revoked.vault, ethereum.memes(), revoked.hot, USE_CASE_ALL).await?;
    ethereum.transfer(emptied.vault, Wallet::fresh().address(), card).await?;
    for hot in [revoked.hot, emptied.hot] {
        let over = || async { expect_denied(&gate, hot).await };
        eventually_within(&gate, Duration::from_secs(3), "it ends", over).await?;
    }
    Ok(())
}

async fn accepts_only_two_sided_consolidations(fixture: &Fixture) -> Result<()> {
    let (ethereum, gate, card) = (&fixture.ethereum, fixture.gate(), fixture.ethereum.other_card());
    let memes = ethereum.memes();
    let (everywhere, here, mixed) = tokio::try_join!(
        DelegatedPair::with_card(ethereum, card),
        DelegatedPair::with_card(ethereum, card),
        DelegatedPair::with_card(ethereum, card),
    )?;
    ethereum.consolidate(everywhere.vault, everywhere.hot).await?;
    expect_tier(gate, &everywhere, "paid", "6529-consolidation").await.context("for all collections")?;
    let both = |pair: &DelegatedPair, collection: Address| {
        let (one, other) = (pair.vault, pair.hot);
        async move {
            ethereum.register_6529(one, collection, other, USE_CASE_CONSOLIDATION, None, None).await?;
            ethereum.register_6529(other, collection, one, USE_CASE_CONSOLIDATION, None, None).await
        }
    };
    both(&here, memes).await?;
    expect_tier(gate, &here, "paid", "6529-consolidation").await.context("for the Memes")?;
    // One side consolidates for the Memes, the other for all collections.
    let case = USE_CASE_CONSOLIDATION;
    ethereum.register_6529(mixed.vault, memes, mixed.hot, case, None, None).await?;
    ethereum.register_6529(mixed.hot, ALL_COLLECTIONS, mixed.vault, case, None, None).await?;
    expect_tier(gate, &mixed, "paid", "6529-consolidation").await.context("mixed")?;
    // A consolidation needs both sides.
    for wished_by_vault in [true, false] {
        let pair = DelegatedPair::with_card(ethereum, card).await?;
        let (from, to) = if wished_by_vault { (pair.vault, pair.hot) } else { (pair.hot, pair.vault) };
        for collection in [memes, ALL_COLLECTIONS] {
            ethereum.register_6529(from, collection, to, case, None, None).await?;
        }
        expect_denied(gate, pair.hot)
            .await
            .with_context(|| format!("one side, the vault: {wished_by_vault}"))?;
    }
    let pair = DelegatedPair::with_card(ethereum, card).await?;
    both(&pair, fixture.stack.info().ethereum.contracts["TestGallery"].parse()?).await?;
    expect_denied(gate, pair.hot).await.context("for another collection")
}

async fn accepts_delegate_xyz_delegations(fixture: &Fixture) -> Result<()> {
    let (ethereum, gate) = (&fixture.ethereum, fixture.gate());
    let (memes, card) = (ethereum.memes(), ethereum.other_card());
    let (all, contract, one) = tokio::try_join!(
        DelegatedPair::with_card(ethereum, card),
        DelegatedPair::with_card(ethereum, card),
        DelegatedPair::with_card(ethereum, card)
    )?;
    ethereum.delegate_xyz(all.vault, all.hot, true).await?;
    expect_tier(gate, &all, "paid", "delegate.xyz").await.context("all")?;
    ethereum.delegate_xyz_contract(contract.vault, contract.hot, memes, B256::ZERO, true).await?;
    expect_tier(gate, &contract, "paid", "delegate.xyz").await.context("the contract")?;
    delegate_card(ethereum, &one, memes, card, B256::ZERO, 1).await?;
    expect_tier(gate, &one, "paid", "delegate.xyz").await.context("the card")?;
    let this = DelegatedPair::with_card(ethereum, ethereum.this_card()).await?;
    ethereum.delegate_xyz(this.vault, this.hot, true).await?;
    expect_tier(gate, &this, "free", "delegate.xyz").await.context("THIS card")
}

async fn delegate_card(
    ethereum: &Ethereum,
    pair: &DelegatedPair,
    contract: Address,
    card: u64,
    rights: B256,
    amount: u64,
) -> Result<()> {
    let call = IDelegateRegistry::delegateERC1155Call {
        to: pair.hot,
        contract_: contract,
        tokenId: U256::from(card),
        rights,
        amount: U256::from(amount),
    };
    let registry = sovereign_contracts::delegate_registry::CANONICAL;
    ethereum.send(pair.vault, registry, &call).await
}

async fn rejects_insufficient_delegate_xyz_delegations(fixture: &Fixture) -> Result<()> {
    let (ethereum, gate) = (&fixture.ethereum, fixture.gate());
    let (memes, card) = (ethereum.memes(), ethereum.other_card());
    let gallery: Address = fixture.stack.info().ethereum.contracts["TestGallery"].parse()?;
    let pair = || DelegatedPair::with_card(ethereum, card);

    let revoked = pair().await?;
    ethereum.delegate_xyz(revoked.vault, revoked.hot, true).await?;
    ethereum.delegate_xyz(revoked.vault, revoked.hot, false).await?;
    expect_denied(gate, revoked.hot).await.context("revoked")?;

    let elsewhere = pair().await?;
    ethereum.delegate_xyz_contract(elsewhere.vault, elsewhere.hot, gallery, B256::ZERO, true).await?;
    expect_denied(gate, elsewhere.hot).await.context("another contract")?;

    let other_card = pair().await?;
    delegate_card(ethereum, &other_card, memes, card + 1, B256::ZERO, 1).await?;
    delegate_card(ethereum, &other_card, gallery, card, B256::ZERO, 1).await?;
    expect_denied(gate, other_card.hot).await.context("another card")?;

    let rights = pair().await?;
    ethereum.delegate_xyz_contract(rights.vault, rights.hot, memes, keccak256("levels"), true).await?;
    delegate_card(ethereum, &rights, memes, card, keccak256("levels"), 1).await?;
    expect_denied(gate, rights.hot).await.context("rights that are not accepted")?;

    let direction = pair().await?;
    ethereum.delegate_xyz(direction.hot, direction.vault, true).await?;
    expect_denied(gate, direction.hot).await.context("the wrong direction")?;

    let (chained, last) = (pair().await?, Wallet::fresh().address());
    ethereum.delegate_xyz(chained.vault, chained.hot, true).await?;
    ethereum.delegate_xyz(chained.hot, last, true).await?;
    expect_denied(gate, last).await.context("handed on")
}

async fn accepts_configured_delegate_xyz_rights(fixture: &Fixture) -> Result<()> {
    let (ethereum, accepted) = (&fixture.ethereum, keccak256("vpn"));
    let edit = |config: &mut toml::Table| set_key(config, "delegation", "rights", vec![accepted.to_string()]);
    let gate = fixture.start_gate("gate-rights", edit).await?;
    let (memes, card) = (ethereum.memes(), ethereum.other_card());
    let (contract, one, full, other) = tokio::try_join!(
        DelegatedPair::with_card(ethereum, card),
        DelegatedPair::with_card(ethereum, card),
        DelegatedPair::with_card(ethereum, card),
        DelegatedPair::with_card(ethereum, card)
    )?;
    ethereum.delegate_xyz_contract(contract.vault, contract.hot, memes, accepted, true).await?;
    delegate_card(ethereum, &one, memes, card, accepted, 1).await?;
    ethereum.delegate_xyz(full.vault, full.hot, true).await?;
    for (name, pair) in [("the contract", &contract), ("the card", &one), ("all rights", &full)] {
        expect_tier(&gate, pair, "paid", "delegate.xyz").await.context(name)?;
    }
    ethereum.delegate_xyz_contract(other.vault, other.hot, memes, keccak256("levels"), true).await?;
    expect_denied(&gate, other.hot).await
}

/// The best tier over the wallet's own cards and all its vaults; a further vault never lowers it.
async fn chooses_the_best_tier_over_all_vaults(fixture: &Fixture) -> Result<()> {
    let (ethereum, gate) = (&fixture.ethereum, fixture.gate());
    let (this, other) = (ethereum.this_card(), ethereum.other_card());
    let own = ethereum.holder(&[other]).await?.address();
    let (poor, rich) = (ethereum.holder(&[other]).await?, ethereum.holder(&[this]).await?);
    let empty = Wallet::fresh();
    for vault in [&empty, &poor, &rich] {
        ethereum.delegate_6529(vault.address(), own).await?;
    }
    expect_tier(gate, &DelegatedPair { vault: rich.address(), hot: own }, "free", "6529-delegation").await?;
    // The wallet's own card already gives the best tier.
    let own = ethereum.holder(&[this]).await?.address();
    ethereum.delegate_6529(poor.address(), own).await?;
    let eligibility = fetch_eligibility(gate, own).await?;
    ensure!(
        eligibility["tier"] == "free" && eligibility["via"] == "own" && eligibility["vault"].is_null(),
        "the eligibility is {eligibility}"
    );
    // Of two delegations with equal tiers, 6529's comes first.
    let pair = DelegatedPair::with_card(ethereum, other).await?;
    ethereum.delegate_xyz(pair.vault, pair.hot, true).await?;
    ethereum.delegate_6529(pair.vault, pair.hot).await?;
    expect_tier(gate, &pair, "paid", "6529-delegation").await
}

/// Anyone can register delegations to a wallet; a sign-in that names its vault needs none of them read.
async fn admits_by_named_vault_among_many_delegations(fixture: &Fixture) -> Result<()> {
    let (ethereum, gate, hot) = (&fixture.ethereum, fixture.gate(), Wallet::fresh());
    for _ in 0..40 {
        ethereum.delegate_6529(Wallet::fresh().address(), hot.address()).await?;
    }
    let vault = ethereum.holder(&[ethereum.other_card()]).await?;
    ethereum.delegate_6529(vault.address(), hot.address()).await?;
    let account = fixture.funded_account().await?;
    let site = SignIn::at(&gate.url)?;
    let challenge = site.challenge(hot.address(), &account.address, Some(vault.address())).await?;
    ensure!(
        challenge.message.contains(&format!("sentinel:vault:{}", vault.address())),
        "{}",
        challenge.message
    );
    let answer = site.bind(&challenge.message, &hot.sign(&challenge.message)?).await?;
    let binding = answer.result()?;
    ensure!(binding["vault"] == vault.address().to_string() && binding["tier"] == "paid", "{binding}");
    let session = fixture.open_direct_session(&account).await?;
    crate::fixture::expect_admission(gate, &account.wireguard_handshake(session)?).await?;
    let record =
        crate::fixture::session_record(gate, session).await?.context("not in the list of sessions")?;
    ensure!(record["vault"] == vault.address().to_string(), "rests on {record}");
    Ok(())
}

/// The gate discovers new token ids by itself.
async fn discovers_card_minted_while_running(fixture: &Fixture) -> Result<()> {
    let (ethereum, gate, wallet) = (&fixture.ethereum, fixture.gate(), Wallet::fresh());
    let newest = ethereum.next_card().await?;
    expect_denied(gate, wallet.address()).await?;
    ethereum.mint(wallet.address(), newest).await?;
    let found = || async {
        let eligibility = fetch_eligibility(gate, wallet.address()).await?;
        ensure!(
            eligibility["tier"] == "paid" && eligibility["cards"] == serde_json::json!([newest.to_string()]),
            "the eligibility is {eligibility}"
        );
        Ok(())
    };
    eventually_within(gate, Duration::from_secs(10), "the new card counts", found).await?;
    fixture.bind_account(gate, &wallet, &random_account()).await.map(drop)
}

async fn accepts_card_of_configured_collection(fixture: &Fixture) -> Result<()> {
    let (ethereum, wallet) = (&fixture.ethereum, Wallet::fresh());
    let gallery: Address = fixture.stack.info().ethereum.contracts["TestGallery"].parse()?;
    let call = ITestGallery::mintCall { to: wallet.address(), id: U256::from(rand::random::<u64>()) };
    ethereum.send(ethereum.deployer(), gallery, &call).await?;
    expect_denied(fixture.gate(), wallet.address()).await.context("where it is not named")?;
    let gate = fixture
        .start_gate("gate-gallery", |config| {
            let mut collection = toml::Table::new();
            collection.insert("contract".to_owned(), gallery.to_string().into());
            collection.insert("standard".to_owned(), "erc721".into());
            collection.insert("tier".to_owned(), "free".into());
            config.insert("collections".to_owned(), vec![collection].into());
        })
        .await?;
    let eligibility = fetch_eligibility(&gate, wallet.address()).await?;
    ensure!(eligibility["tier"] == "free" && eligibility["via"] == "own", "the eligibility is {eligibility}");
    Ok(())
}

alloy::sol! {
    interface ITestGallery {
        function mint(address to, uint256 id) external;
    }
}
