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

use crate::trial::{Trial, trials};
use crate::world::{World, eventually, refused, set, some_account};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        delegations_of_6529,
        delegations_of_6529_that_do_not_count,
        delegations_of_6529_that_end,
        consolidations,
        delegations_at_delegate_xyz,
        delegations_at_delegate_xyz_that_do_not_count,
        rights_that_the_operator_accepts,
        the_best_tier_wins,
        a_vault_that_is_named,
        a_card_that_is_minted_while_the_gate_runs,
        a_card_of_a_further_collection,
    ]
}

/// A vault and a hot wallet without cards.
struct Pair {
    vault: Address,
    hot: Address,
}

impl Pair {
    async fn with(ethereum: &Ethereum, card: u64) -> Result<Self> {
        let vault = ethereum.holder(&[card]).await?.address();
        Ok(Self { vault, hot: Wallet::fresh().address() })
    }
}

async fn told(gate: &GateInfo, wallet: Address) -> Result<Value> {
    Ok(SignIn::at(&gate.url)?.eligibility(wallet).await?.result()?.clone())
}

/// Requires that the hot wallet has this tier by this vault.
async fn gets(gate: &GateInfo, pair: &Pair, tier: &str, via: &str) -> Result<()> {
    let told = told(gate, pair.hot).await?;
    ensure!(told["tier"] == tier && told["via"] == via, "the wallet is told {told}");
    ensure!(told["vault"] == pair.vault.to_string(), "the wallet is told {told}");
    Ok(())
}

async fn gets_nothing(gate: &GateInfo, wallet: Address) -> Result<()> {
    let told = told(gate, wallet).await?;
    ensure!(
        told["tier"] == "denied" && told["via"].is_null() && told["vault"].is_null(),
        "the wallet is told {told}"
    );
    Ok(())
}

async fn delegations_of_6529(world: &World) -> Result<()> {
    let (ethereum, gate) = (&world.ethereum, world.gate());
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
        let pair = Pair::with(ethereum, card).await?;
        ethereum.register_6529(pair.vault, collection, pair.hot, use_case, expiry, token).await?;
        gets(gate, &pair, "paid", "6529-delegation").await.context(name)?;
    }
    let pair = Pair::with(ethereum, ethereum.this_card()).await?;
    ethereum.delegate_6529(pair.vault, pair.hot).await?;
    gets(gate, &pair, "free", "6529-delegation").await
}

async fn delegations_of_6529_that_do_not_count(world: &World) -> Result<()> {
    let (ethereum, gate) = (&world.ethereum, world.gate());
    let (memes, card) = (ethereum.memes(), ethereum.other_card());
    let now = Some(ethereum.chain().now().await?);
    let gallery = world.stack.info().ethereum.contracts["TestGallery"].parse()?;
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
        let pair = Pair::with(ethereum, card).await?;
        ethereum.register_6529(pair.vault, collection, pair.hot, use_case, expiry, token).await?;
        gets_nothing(gate, pair.hot).await.context(name)?;
    }
    // Anyone can delegate to a vault with cards: that gives the vault a right, not the delegator.
    let pair = Pair::with(ethereum, card).await?;
    ethereum.delegate_6529(pair.hot, pair.vault).await?;
    gets_nothing(gate, pair.hot).await.context("the wrong direction")?;
    let (pair, last) = (Pair::with(ethereum, card).await?, Wallet::fresh().address());
    ethereum.delegate_6529(pair.vault, pair.hot).await?;
    ethereum.delegate_6529(pair.hot, last).await?;
    gets_nothing(gate, last).await.context("handed on")?;
    // The contract pads its lists with zero addresses, to which cards can be sent.
    let nobody = Wallet::fresh();
    ethereum.mint(Address::repeat_byte(0xde), card).await?;
    gets_nothing(gate, nobody.address()).await?;
    let site = SignIn::at(&gate.url)?;
    let challenge = site.challenge(nobody.address(), &some_account(), Some(pair.vault)).await?;
    let answer = site.bind(&challenge.message, &nobody.sign(&challenge.message)?).await?;
    refused(&answer, 403, 105).context("a vault that is named, but did not delegate")
}

/// Revocation of the delegation and sale of the card. Answers are cached for some seconds.
async fn delegations_of_6529_that_end(world: &World) -> Result<()> {
    let ethereum = &world.ethereum;
    let gate = quick_gate(world, "gate-ends").await?;
    let card = ethereum.other_card();
    let (revoked, emptied) = tokio::try_join!(Pair::with(ethereum, card), Pair::with(ethereum, card))?;
    for pair in [&revoked, &emptied] {
        ethereum.delegate_6529(pair.vault, pair.hot).await?;
        gets(&gate, pair, "paid", "6529-delegation").await?;
    }
    ethereum.revoke_6529(revoked.vault, ethereum.memes(), revoked.hot, USE_CASE_ALL).await?;
    ethereum.transfer(emptied.vault, Wallet::fresh().address(), card).await?;
    for hot in [revoked.hot, emptied.hot] {
        let over = || async { gets_nothing(&gate, hot).await };
        eventually("it ends", Duration::from_secs(3), over).await?;
    }
    Ok(())
}

/// A gate with the shortest cache lifetimes.
async fn quick_gate(world: &World, name: &str) -> Result<GateInfo> {
    let edit = |config: &mut toml::Table| {
        set(config, "cache", "positive_ttl", "1s");
        set(config, "cache", "negative_ttl", "100ms");
    };
    world.gate_with(name, edit).await
}

async fn consolidations(world: &World) -> Result<()> {
    let (ethereum, gate, card) = (&world.ethereum, world.gate(), world.ethereum.other_card());
    let memes = ethereum.memes();
    let (everywhere, here, mixed) = tokio::try_join!(
        Pair::with(ethereum, card),
        Pair::with(ethereum, card),
        Pair::with(ethereum, card),
    )?;
    ethereum.consolidate(everywhere.vault, everywhere.hot).await?;
    gets(gate, &everywhere, "paid", "6529-consolidation").await.context("for all collections")?;
    let both = |pair: &Pair, collection: Address| {
        let (one, other) = (pair.vault, pair.hot);
        async move {
            ethereum.register_6529(one, collection, other, USE_CASE_CONSOLIDATION, None, None).await?;
            ethereum.register_6529(other, collection, one, USE_CASE_CONSOLIDATION, None, None).await
        }
    };
    both(&here, memes).await?;
    gets(gate, &here, "paid", "6529-consolidation").await.context("for the Memes")?;
    // One side consolidates for the Memes, the other for all collections.
    let case = USE_CASE_CONSOLIDATION;
    ethereum.register_6529(mixed.vault, memes, mixed.hot, case, None, None).await?;
    ethereum.register_6529(mixed.hot, ALL_COLLECTIONS, mixed.vault, case, None, None).await?;
    gets(gate, &mixed, "paid", "6529-consolidation").await.context("mixed")?;
    // A consolidation needs both sides.
    for wished_by_vault in [true, false] {
        let pair = Pair::with(ethereum, card).await?;
        let (from, to) = if wished_by_vault { (pair.vault, pair.hot) } else { (pair.hot, pair.vault) };
        for collection in [memes, ALL_COLLECTIONS] {
            ethereum.register_6529(from, collection, to, case, None, None).await?;
        }
        gets_nothing(gate, pair.hot)
            .await
            .with_context(|| format!("one side, the vault: {wished_by_vault}"))?;
    }
    let pair = Pair::with(ethereum, card).await?;
    both(&pair, world.stack.info().ethereum.contracts["TestGallery"].parse()?).await?;
    gets_nothing(gate, pair.hot).await.context("for another collection")
}

async fn delegations_at_delegate_xyz(world: &World) -> Result<()> {
    let (ethereum, gate) = (&world.ethereum, world.gate());
    let (memes, card) = (ethereum.memes(), ethereum.other_card());
    let (all, contract, one) =
        tokio::try_join!(Pair::with(ethereum, card), Pair::with(ethereum, card), Pair::with(ethereum, card))?;
    ethereum.delegate_xyz(all.vault, all.hot, true).await?;
    gets(gate, &all, "paid", "delegate.xyz").await.context("all")?;
    ethereum.delegate_xyz_contract(contract.vault, contract.hot, memes, B256::ZERO, true).await?;
    gets(gate, &contract, "paid", "delegate.xyz").await.context("the contract")?;
    delegate_card(ethereum, &one, memes, card, B256::ZERO, 1).await?;
    gets(gate, &one, "paid", "delegate.xyz").await.context("the card")?;
    let this = Pair::with(ethereum, ethereum.this_card()).await?;
    ethereum.delegate_xyz(this.vault, this.hot, true).await?;
    gets(gate, &this, "free", "delegate.xyz").await.context("THIS card")
}

async fn delegate_card(
    ethereum: &Ethereum,
    pair: &Pair,
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

async fn delegations_at_delegate_xyz_that_do_not_count(world: &World) -> Result<()> {
    let (ethereum, gate) = (&world.ethereum, world.gate());
    let (memes, card) = (ethereum.memes(), ethereum.other_card());
    let gallery: Address = world.stack.info().ethereum.contracts["TestGallery"].parse()?;
    let pair = || Pair::with(ethereum, card);

    let revoked = pair().await?;
    ethereum.delegate_xyz(revoked.vault, revoked.hot, true).await?;
    ethereum.delegate_xyz(revoked.vault, revoked.hot, false).await?;
    gets_nothing(gate, revoked.hot).await.context("revoked")?;

    let elsewhere = pair().await?;
    ethereum.delegate_xyz_contract(elsewhere.vault, elsewhere.hot, gallery, B256::ZERO, true).await?;
    gets_nothing(gate, elsewhere.hot).await.context("another contract")?;

    let other_card = pair().await?;
    delegate_card(ethereum, &other_card, memes, card + 1, B256::ZERO, 1).await?;
    delegate_card(ethereum, &other_card, gallery, card, B256::ZERO, 1).await?;
    gets_nothing(gate, other_card.hot).await.context("another card")?;

    let rights = pair().await?;
    ethereum.delegate_xyz_contract(rights.vault, rights.hot, memes, keccak256("levels"), true).await?;
    delegate_card(ethereum, &rights, memes, card, keccak256("levels"), 1).await?;
    gets_nothing(gate, rights.hot).await.context("rights that are not accepted")?;

    let direction = pair().await?;
    ethereum.delegate_xyz(direction.hot, direction.vault, true).await?;
    gets_nothing(gate, direction.hot).await.context("the wrong direction")?;

    let (chained, last) = (pair().await?, Wallet::fresh().address());
    ethereum.delegate_xyz(chained.vault, chained.hot, true).await?;
    ethereum.delegate_xyz(chained.hot, last, true).await?;
    gets_nothing(gate, last).await.context("handed on")
}

async fn rights_that_the_operator_accepts(world: &World) -> Result<()> {
    let (ethereum, accepted) = (&world.ethereum, keccak256("vpn"));
    let edit = |config: &mut toml::Table| set(config, "delegation", "rights", vec![accepted.to_string()]);
    let gate = world.gate_with("gate-rights", edit).await?;
    let (memes, card) = (ethereum.memes(), ethereum.other_card());
    let (contract, one, full, other) = tokio::try_join!(
        Pair::with(ethereum, card),
        Pair::with(ethereum, card),
        Pair::with(ethereum, card),
        Pair::with(ethereum, card)
    )?;
    ethereum.delegate_xyz_contract(contract.vault, contract.hot, memes, accepted, true).await?;
    delegate_card(ethereum, &one, memes, card, accepted, 1).await?;
    ethereum.delegate_xyz(full.vault, full.hot, true).await?;
    for (name, pair) in [("the contract", &contract), ("the card", &one), ("all rights", &full)] {
        gets(&gate, pair, "paid", "delegate.xyz").await.context(name)?;
    }
    ethereum.delegate_xyz_contract(other.vault, other.hot, memes, keccak256("levels"), true).await?;
    gets_nothing(&gate, other.hot).await
}

/// The best tier over the wallet's own cards and all its vaults; a further vault never lowers it.
async fn the_best_tier_wins(world: &World) -> Result<()> {
    let (ethereum, gate) = (&world.ethereum, world.gate());
    let (this, other) = (ethereum.this_card(), ethereum.other_card());
    let own = ethereum.holder(&[other]).await?.address();
    let (poor, rich) = (ethereum.holder(&[other]).await?, ethereum.holder(&[this]).await?);
    let empty = Wallet::fresh();
    for vault in [&empty, &poor, &rich] {
        ethereum.delegate_6529(vault.address(), own).await?;
    }
    gets(gate, &Pair { vault: rich.address(), hot: own }, "free", "6529-delegation").await?;
    // The wallet's own card already gives the best tier.
    let own = ethereum.holder(&[this]).await?.address();
    ethereum.delegate_6529(poor.address(), own).await?;
    let told = told(gate, own).await?;
    ensure!(told["tier"] == "free" && told["via"] == "own" && told["vault"].is_null(), "told {told}");
    // Of two delegations with equal tiers, 6529's comes first.
    let pair = Pair::with(ethereum, other).await?;
    ethereum.delegate_xyz(pair.vault, pair.hot, true).await?;
    ethereum.delegate_6529(pair.vault, pair.hot).await?;
    gets(gate, &pair, "paid", "6529-delegation").await
}

/// Anyone can register delegations to a wallet; a sign-in that names its vault needs none of them read.
async fn a_vault_that_is_named(world: &World) -> Result<()> {
    let (ethereum, gate, hot) = (&world.ethereum, world.gate(), Wallet::fresh());
    for _ in 0..40 {
        ethereum.delegate_6529(Wallet::fresh().address(), hot.address()).await?;
    }
    let vault = ethereum.holder(&[ethereum.other_card()]).await?;
    ethereum.delegate_6529(vault.address(), hot.address()).await?;
    let account = world.account().await?;
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
    let session = world.direct_session(&account).await?;
    crate::world::enter(gate, &account.wireguard_handshake(session)?).await?;
    let record = crate::world::record(gate, session).await?.context("not in the list of sessions")?;
    ensure!(record["vault"] == vault.address().to_string(), "rests on {record}");
    Ok(())
}

/// The gate discovers new token ids by itself.
async fn a_card_that_is_minted_while_the_gate_runs(world: &World) -> Result<()> {
    let (ethereum, gate, wallet) = (&world.ethereum, world.gate(), Wallet::fresh());
    let newest = ethereum.next_card().await?;
    gets_nothing(gate, wallet.address()).await?;
    ethereum.mint(wallet.address(), newest).await?;
    let found = || async {
        let told = told(gate, wallet.address()).await?;
        ensure!(
            told["tier"] == "paid" && told["cards"] == serde_json::json!([newest.to_string()]),
            "told {told}"
        );
        Ok(())
    };
    eventually("the new card counts", Duration::from_secs(10), found).await?;
    world.bind(gate, &wallet, &some_account()).await.map(drop)
}

async fn a_card_of_a_further_collection(world: &World) -> Result<()> {
    let (ethereum, wallet) = (&world.ethereum, Wallet::fresh());
    let gallery: Address = world.stack.info().ethereum.contracts["TestGallery"].parse()?;
    let call = ITestGallery::mintCall { to: wallet.address(), id: U256::from(rand::random::<u64>()) };
    ethereum.send(ethereum.deployer(), gallery, &call).await?;
    gets_nothing(world.gate(), wallet.address()).await.context("where it is not named")?;
    let gate = world
        .gate_with("gate-gallery", |config| {
            let mut collection = toml::Table::new();
            collection.insert("contract".to_owned(), gallery.to_string().into());
            collection.insert("standard".to_owned(), "erc721".into());
            collection.insert("tier".to_owned(), "free".into());
            config.insert("collections".to_owned(), vec![collection].into());
        })
        .await?;
    let told = told(&gate, wallet.address()).await?;
    ensure!(told["tier"] == "free" && told["via"] == "own", "told {told}");
    Ok(())
}

alloy::sol! {
    interface ITestGallery {
        function mint(address to, uint256 id) external;
    }
}
