//! Fixture: provider, plan, nodes and an oracle with its grants on a chain.

use std::time::{Duration, Instant, SystemTime};

use bridge_oracle::grants::FEE_GRANT_MESSAGE;
use bridge_oracle::ledger::{HubLedger, Ledger, Price, ReadLedger as _};
use bridge_oracle::messages::MESSAGE_TYPES;
use bridge_oracle::reconcile::Action;
use bridge_oracle::submit::journal::Journal;
use bridge_oracle::submit::{AuthzSender, SendSettings};
use prost_types::{Any, Timestamp};
use sentinel_proto::address::{AccountAddress, NodeAddress, ProviderAddress};
use sentinel_proto::hub::{ExecutedTx, HubClient, HubConfig, TxRejection};
use sentinel_proto::tx::{SigningKey, Transaction, TxHash, pack_any};
use sentinel_proto::wire::cosmos::authz::v1beta1::{GenericAuthorization, Grant, MsgGrant, MsgRevoke};
use sentinel_proto::wire::cosmos::base::v1beta1::Coin;
use sentinel_proto::wire::cosmos::feegrant::v1beta1::{
    AllowedMsgAllowance, BasicAllowance, MsgGrantAllowance, MsgRevokeAllowance,
};
use sentinel_proto::wire::sentinel::node::v3::{MsgRegisterNodeRequest, MsgUpdateNodeStatusRequest};
use sentinel_proto::wire::sentinel::plan::v3::{MsgCreatePlanRequest, MsgUpdatePlanStatusRequest};
use sentinel_proto::wire::sentinel::provider::v3::{
    MsgRegisterProviderRequest, MsgUpdateProviderStatusRequest,
};
use sentinel_proto::wire::sentinel::types::v1::{Price as WirePrice, Status};

use crate::chain::{self, CHAIN, Chain, DENOM};

/// Price of an hour of every node.
pub(crate) const HOURLY: u128 = 1_000_000;
/// Hours of a lease.
pub(crate) const HOURS: u32 = 10;
/// Identifier of the plan.
pub(crate) const PLAN: u64 = 1;

pub(crate) struct HubFixture {
    pub(crate) chain: Chain,
    pub(crate) hub: HubClient,
    pub(crate) provider: SigningKey,
    pub(crate) oracle: SigningKey,
    pub(crate) nodes: Vec<SigningKey>,
}

/// Returns a deterministic key.
pub(crate) fn key(number: u16) -> SigningKey {
    secret(number).parse().unwrap()
}

/// Returns the key as a key file holds it.
pub(crate) fn secret(number: u16) -> String {
    format!("{number:04x}{}", "07".repeat(30))
}

impl HubFixture {
    /// Starts a provider with an active plan, active nodes, and an oracle with all its grants.
    pub(crate) async fn start(nodes: u16, node_timeout: &str) -> Self {
        let (provider, oracle) = (key(0), key(1));
        let nodes: Vec<_> = (0..nodes).map(|number| key(100 + number)).collect();
        // The oracle has no coins: the fee grant creates its account.
        let accounts: Vec<_> =
            [&provider, &key(2)].into_iter().chain(&nodes).map(SigningKey::account).collect();
        let chain = chain::start(&accounts, node_timeout);
        let hub = client(&chain);
        let fixture = Self { chain, hub, provider, oracle, nodes };
        until("the first block", async || {
            fixture.hub.latest_height().await.ok().filter(|height| *height > 1)
        })
        .await;
        fixture.settle().await;
        fixture
    }

    async fn settle(&self) {
        let price = |amount: u128| WirePrice {
            denom: DENOM.to_owned(),
            base_value: "0".to_owned(),
            quote_value: amount.to_string(),
        };
        let mut sent = Vec::new();
        for node in &self.nodes {
            let (account, active) = (node.account(), Status::Active.into());
            let from: NodeAddress = account.in_role();
            let register = MsgRegisterNodeRequest {
                from: account.to_string(),
                gigabyte_prices: vec![price(HOURLY)],
                hourly_prices: vec![price(HOURLY)],
                remote_addrs: vec!["127.0.0.1:1".to_owned()],
            };
            let activate = MsgUpdateNodeStatusRequest { from: from.to_string(), status: active };
            sent.push(
                self.offer(node, vec![pack_any(&register), pack_any(&activate)], 400_000).await.unwrap(),
            );
        }
        let (account, from) = (self.provider.account().to_string(), self.provider_address().to_string());
        let active = Status::Active.into();
        let messages = vec![
            pack_any(&MsgRegisterProviderRequest {
                from: account,
                name: "fixture".to_owned(),
                ..Default::default()
            }),
            pack_any(&MsgUpdateProviderStatusRequest { from: from.clone(), status: active }),
            pack_any(&MsgCreatePlanRequest {
                from: from.clone(),
                bytes: "1000000000000".to_owned(),
                duration: Some(prost_types::Duration { seconds: 2_592_000, nanos: 0 }),
                prices: vec![price(0)],
                private: false,
            }),
            pack_any(&MsgUpdatePlanStatusRequest { from, id: PLAN, status: active }),
        ];
        self.send(&self.provider, messages).await.unwrap();
        let year = Duration::from_secs(365 * 24 * 3600);
        self.grant(&MESSAGE_TYPES, SystemTime::now() + year).await;
        self.give_fees(1_000_000_000_000).await;
        for hash in sent {
            self.executed(&hash).await.outcome.unwrap();
        }
    }

    pub(crate) fn provider_address(&self) -> ProviderAddress {
        self.provider.account().in_role()
    }

    pub(crate) fn node(&self, index: usize) -> NodeAddress {
        self.nodes[index].account().in_role()
    }

    pub(crate) async fn grant(&self, types: &[&str], end: SystemTime) {
        let (granter, grantee) = self.parties();
        let seconds = end.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let expiration = Some(Timestamp { seconds: i64::try_from(seconds).unwrap(), nanos: 0 });
        let grant = |name: &&str| {
            let authorization = Some(pack_any(&GenericAuthorization { msg: (*name).to_owned() }));
            let grant = Some(Grant { authorization, expiration });
            pack_any(&MsgGrant { granter: granter.clone(), grantee: grantee.clone(), grant })
        };
        self.send(&self.provider, types.iter().map(grant).collect()).await.unwrap();
    }

    pub(crate) async fn revoke(&self, name: &str) {
        let (granter, grantee) = self.parties();
        let message = MsgRevoke { granter, grantee, msg_type_url: name.to_owned() };
        self.send(&self.provider, vec![pack_any(&message)]).await.unwrap();
    }

    pub(crate) async fn give_fees(&self, limit: u128) {
        let (granter, grantee) = self.parties();
        let spend_limit = vec![coin(limit)];
        let basic = pack_any(&BasicAllowance { spend_limit, expiration: None });
        let allowed_messages = vec![FEE_GRANT_MESSAGE.to_owned()];
        let allowance = Some(pack_any(&AllowedMsgAllowance { allowance: Some(basic), allowed_messages }));
        let message = MsgGrantAllowance { granter, grantee, allowance };
        self.send(&self.provider, vec![pack_any(&message)]).await.unwrap();
    }

    pub(crate) async fn take_fees(&self) {
        let (granter, grantee) = self.parties();
        self.send(&self.provider, vec![pack_any(&MsgRevokeAllowance { granter, grantee })]).await.unwrap();
    }

    fn parties(&self) -> (String, String) {
        (self.provider.account().to_string(), self.oracle.account().to_string())
    }

    /// Sends messages paid by their signer, and waits for the block.
    pub(crate) async fn send(&self, key: &SigningKey, messages: Vec<Any>) -> Result<ExecutedTx, TxRejection> {
        let gas = 200_000 + 150_000 * u64::try_from(messages.len()).unwrap();
        let executed = self.executed(&self.offer(key, messages, gas).await?).await;
        executed.outcome.clone()?;
        Ok(executed)
    }

    async fn offer(
        &self,
        key: &SigningKey,
        messages: Vec<Any>,
        gas_limit: u64,
    ) -> Result<TxHash, TxRejection> {
        self.offer_as(key, messages, gas_limit, None).await
    }

    /// Broadcasts messages paid by `granter`.
    pub(crate) async fn offer_as(
        &self,
        key: &SigningKey,
        messages: Vec<Any>,
        gas_limit: u64,
        granter: Option<AccountAddress>,
    ) -> Result<TxHash, TxRejection> {
        let fee = coin(u128::from(gas_limit / 10));
        let transaction = Transaction { messages, gas_limit, fee, granter, timeout_height: 0 };
        let account = self.hub.account(&key.account()).await.unwrap().value.unwrap();
        let signed = transaction.sign(key, CHAIN, account);
        self.hub.broadcast(&signed).await.unwrap()?;
        Ok(*signed.hash())
    }

    pub(crate) async fn executed(&self, hash: &TxHash) -> ExecutedTx {
        until("a transaction's block", async || self.hub.transaction(hash).await.unwrap().value).await
    }

    pub(crate) fn settings(&self) -> SendSettings {
        let mut settings = SendSettings::new(CHAIN, self.provider_address(), "0.1udvpn".parse().unwrap());
        settings.poll_interval = Duration::from_millis(100);
        settings.confirm_timeout = Duration::from_secs(60);
        settings
    }

    pub(crate) fn oracle(&self, home: &std::path::Path) -> AuthzSender {
        let journal = Journal::open(home).unwrap();
        AuthzSender::new(self.hub.clone(), self.oracle.clone(), self.settings(), journal)
    }

    pub(crate) async fn ledger(&self) -> Ledger {
        let wanted = (0..self.nodes.len()).map(|index| self.node(index)).collect();
        HubLedger::new(self.hub.clone(), self.provider_address(), &[PLAN], DENOM).read(&wanted).await.unwrap()
    }

    /// Returns the actions that lease and link these nodes.
    pub(crate) fn wish(&self, nodes: impl IntoIterator<Item = usize>) -> Vec<Action> {
        nodes.into_iter().flat_map(|index| wish(self.node(index))).collect()
    }
}

/// Returns the actions that lease and link a node.
pub(crate) fn wish(node: NodeAddress) -> [Action; 2] {
    let max_price = Price { base: 0, quote: HOURLY };
    [Action::StartLease { node, hours: HOURS, max_price }, Action::Link { plan: PLAN, node }]
}

pub(crate) fn client(chain: &Chain) -> HubClient {
    HubClient::new(HubConfig {
        grpc_addrs: vec![chain.grpc_addr()],
        chain_id: CHAIN.to_owned(),
        timeout: Duration::from_secs(10),
    })
    .unwrap()
}

fn coin(amount: u128) -> Coin {
    Coin { denom: DENOM.to_owned(), amount: amount.to_string() }
}

pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
