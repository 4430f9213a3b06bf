//! Sources of Ethereum's events fail, change and revert while a ping runs through the tunnel. Each scenario has a
//! chain of its own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::primitives::{Address, Bytes, U256};
use alloy::sol_types::SolCall as _;
use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Account, Wallet};
use sentinel_stack::info::GateInfo;
use serde_json::json;
use sovereign_contracts::dev::{Anvil, DevChain};
use sovereign_contracts::nft_delegation::{self, INFTDelegation::registerDelegationAddressCall};

use crate::enforcement::{Guest, SOON, state};
use crate::providers::{Mood, Provider};
use crate::relay::Relay;
use crate::trial::{Trial, trials};
use crate::world::{World, eventually, set};

const DEPLOYER: Address = alloy::primitives::address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const CARD: u64 = 3;

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        the_socket_dies_at_the_sale,
        the_provider_is_switched_at_the_sale,
        a_sale_is_undone_and_done_again,
        a_purchase_is_undone,
        every_source_is_dead,
    ]
}

alloy::sol! {
    function safeTransferFrom(address from, address to, uint256 id, uint256 amount, bytes data) external;
}

/// An EVM chain of one scenario, with a collection on it.
pub(crate) struct Place {
    pub(crate) anvil: Anvil,
    pub(crate) chain: DevChain,
    pub(crate) memes: Address,
}

impl Place {
    pub(crate) async fn start() -> Result<Self> {
        let (anvil, chain) = Anvil::start_with_stand_ins(&[]).await?;
        let memes = chain.deploy_memes(DEPLOYER, 8).await?;
        Ok(Self { anvil, chain, memes })
    }

    pub(crate) fn socket(&self) -> String {
        format!("ws://127.0.0.1:{}", self.anvil.port())
    }

    /// Configures a gate to query `rpc_addrs` and to subscribe at `ws` for this chain.
    pub(crate) fn told(&self, config: &mut toml::Table, rpc_addrs: Vec<String>, ws: String) {
        set(config, "ethereum", "rpc_addrs", rpc_addrs);
        set(config, "ethereum", "ws_addrs", vec![ws]);
        set(config, "ethereum", "poll_interval", "2s");
        set(config, "memes", "contract", self.memes.to_string());
    }

    async fn gate(&self, world: &World, name: &str, rpc_addrs: Vec<String>, ws: String) -> Result<GateInfo> {
        world.gate_with(name, |config| self.told(config, rpc_addrs, ws)).await
    }

    pub(crate) async fn holder(&self) -> Result<Wallet> {
        let wallet = Wallet::fresh();
        self.give(wallet.address()).await?;
        Ok(wallet)
    }

    pub(crate) async fn give(&self, to: Address) -> Result<()> {
        Ok(self.chain.mint(DEPLOYER, self.memes, to, CARD).await?)
    }

    pub(crate) async fn transfer(&self, from: Address, to: Address) -> Result<()> {
        Ok(self.chain.call(from, self.memes, &transfer(from, to)).await?)
    }

    /// Delegates the cards of `vault` to `hot` until `expiry`.
    pub(crate) async fn delegate(&self, vault: Address, hot: Address, expiry: u64) -> Result<()> {
        let delegation = registerDelegationAddressCall {
            collection: self.memes,
            delegate: hot,
            expiry: U256::from(expiry),
            useCase: U256::from(1),
            allTokens: true,
            tokenId: U256::ZERO,
        };
        Ok(self.chain.call(vault, nft_delegation::MAINNET, &delegation).await?)
    }
}

fn transfer(from: Address, to: Address) -> safeTransferFromCall {
    safeTransferFromCall { from, to, id: U256::from(CARD), amount: U256::from(1), data: Bytes::new() }
}

pub(crate) async fn arrive(world: &World, gate: &GateInfo, wallet: &Wallet) -> Result<(Account, Guest)> {
    let account = world.account().await?;
    world.bind(gate, wallet, &account.address).await?;
    let guest = Guest::arrive(world, gate, &account).await?;
    Ok((account, guest))
}

/// The WebSocket falls silent, then it is closed and stays so: polling, then the disconnect, reveals the sale.
async fn the_socket_dies_at_the_sale(world: &World) -> Result<()> {
    let place = Place::start().await?;
    let relay = Relay::before(&place.socket()).await?;
    let ws = format!("ws://{}", relay.address());
    let gate = place.gate(world, "gate-socket", vec![place.anvil.url()], ws).await?;
    let holder = place.holder().await?;
    let (_, guest) = arrive(world, &gate, &holder).await?;
    let (seller, buyer) = (holder.address(), Wallet::fresh().address());
    for dies in [Relay::hold, Relay::cut] {
        dies(&relay);
        place.transfer(seller, buyer).await?;
        guest.falls_silent(SOON).await?;
        relay.open();
        place.transfer(buyer, seller).await?;
        eventually("the ping is back", SOON, || guest.pings()).await?;
    }
    Ok(())
}

/// The provider in use refuses, or does not answer, from the sale on: the other provider reveals it.
async fn the_provider_is_switched_at_the_sale(world: &World) -> Result<()> {
    let place = Place::start().await?;
    let (first, second) =
        (Provider::before(&place.anvil.url()).await?, Provider::before(&place.anvil.url()).await?);
    let urls = vec![first.url(), second.url()];
    let gate = place.gate(world, "gate-switched", urls, place.socket()).await?;
    let holder = place.holder().await?;
    let (_, guest) = arrive(world, &gate, &holder).await?;
    let (seller, buyer) = (holder.address(), Wallet::fresh().address());
    let silent = Duration::from_secs(10);
    for (fails, stays, mood) in
        [(&first, &second, Mood::Status(503)), (&second, &first, Mood::Late(Duration::from_secs(20)))]
    {
        stays.is(Mood::Well);
        fails.is(mood);
        place.transfer(seller, buyer).await?;
        guest.falls_silent(silent).await?;
        place.transfer(buyer, seller).await?;
        eventually("the ping is back", silent, || guest.pings()).await?;
    }
    Ok(())
}

/// A reorganisation removes the sale: the tunnel is restored. The sale is repeated on the new branch: the tunnel ends
/// again.
async fn a_sale_is_undone_and_done_again(world: &World) -> Result<()> {
    let place = Place::start().await?;
    let gate = place.gate(world, "gate-reorg", vec![place.anvil.url()], place.socket()).await?;
    let holder = place.holder().await?;
    let (_, guest) = arrive(world, &gate, &holder).await?;
    let (seller, buyer) = (holder.address(), Wallet::fresh().address());
    let rpc = async |method: &str, params| place.chain.rpc(method, params).await.context("reorg");
    place.transfer(seller, buyer).await?;
    guest.falls_silent(SOON).await?;
    rpc("anvil_reorg", json!([1, []])).await?;
    eventually("the ping is back", SOON, || guest.pings()).await.context("the sale is undone")?;
    place.transfer(seller, buyer).await?;
    guest.falls_silent(SOON).await.context("the sale is done again")?;

    // The sale moves to another block of the new branch and still counts.
    rpc("anvil_impersonateAccount", json!([seller])).await?;
    let data = Bytes::from(transfer(seller, buyer).abi_encode());
    let sale = json!({ "from": seller, "to": place.memes, "data": data, "gas": "0x40000", "gasPrice": "0x77359400" });
    rpc("anvil_reorg", json!([1, [[sale, 0]]])).await?;
    ensure!(place.chain.balance(place.memes, buyer, CARD).await? == U256::from(1), "the sale is not there");
    tokio::time::sleep(SOON).await;
    guest.falls_silent(Duration::ZERO).await.context("the sale is on the new branch too")?;
    ensure!(state(&gate, guest.session).await? == ("evicted".into(), "no_card".into()), "in another way");
    place.transfer(buyer, seller).await?;
    eventually("the ping is back", SOON, || guest.pings()).await
}

/// The block with the purchase of the card is removed: the session is evicted, and restored by the next purchase.
async fn a_purchase_is_undone(world: &World) -> Result<()> {
    let place = Place::start().await?;
    let gate = place.gate(world, "gate-purchase", vec![place.anvil.url()], place.socket()).await?;
    let (seller, buyer) = (place.holder().await?, Wallet::fresh());
    place.transfer(seller.address(), buyer.address()).await?;
    let (_, guest) = arrive(world, &gate, &buyer).await?;
    place.chain.rpc("anvil_reorg", json!([1, []])).await?;
    guest.falls_silent(SOON).await?;
    ensure!(state(&gate, guest.session).await? == ("evicted".into(), "no_card".into()), "in another way");
    place.transfer(seller.address(), buyer.address()).await?;
    eventually("the ping is back", SOON, || guest.pings()).await.context("bought again")
}

/// Without any source of events, a right ends at its known expiry.
async fn every_source_is_dead(world: &World) -> Result<()> {
    let place = Place::start().await?;
    let gate = place.gate(world, "gate-dead", vec![place.anvil.url()], place.socket()).await?;
    let (vault, hot) = (place.holder().await?, Wallet::fresh());
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_secs());
    let end = now()?.max(place.chain.now().await?) + 40;
    place.delegate(vault.address(), hot.address(), end).await?;
    let holder = place.holder().await?;
    let (_, ends) = arrive(world, &gate, &hot).await?;
    let (_, stays) = arrive(world, &gate, &holder).await?;
    // From here on no provider answers and no event arrives.
    drop(place);
    ensure!(now()? < end, "too slow for this trial");
    ends.pings().await.context("before its end")?;
    ends.falls_silent(Duration::from_secs(60)).await?;
    ensure!(state(&gate, ends.session).await?.1 == "expired", "out for another reason");
    stays.pings().await.context("somebody whose right goes on")
}
