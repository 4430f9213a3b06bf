//! Checks by simulation what the key can do and what it cannot. The authz module looks for the grant before anything
//! else, so its refusal proves that there is no grant, and any other refusal proves that there is one.

use prost_types::Any;
use sentinel_proto::address::NodeAddress;
use sentinel_proto::hub::{HubError, Simulation};
use sentinel_proto::tx::{AccountState, Transaction, pack_any};
use sentinel_proto::wire::cosmos::authz::v1beta1::{GenericAuthorization, Grant, MsgExec, MsgGrant};
use sentinel_proto::wire::cosmos::bank::v1beta1::MsgSend;
use sentinel_proto::wire::cosmos::base::v1beta1::Coin;
use sentinel_proto::wire::cosmos::feegrant::v1beta1::{BasicAllowance, MsgGrantAllowance};
use sentinel_proto::wire::sentinel::plan::v3::{MsgCreatePlanRequest, MsgUpdatePlanDetailsRequest};
use sentinel_proto::wire::sentinel::provider::v3::{
    MsgRegisterProviderRequest, MsgUpdateProviderDetailsRequest, MsgUpdateProviderStatusRequest,
};
use sentinel_proto::wire::sentinel::types::v1::Status;

use super::{Check, HubDoctor, Verdict};
use crate::messages::{message, one_action_per_type};

/// Error text of authz when there is no grant.
const NOT_GRANTED_TEXT: &str = "authorization not found";
/// Identifier of a plan or lease that does not exist.
const ABSENT_ID: u64 = u64::MAX;

impl HubDoctor<'_> {
    /// Simulates every message that the oracle sends, and the messages that a thief of the key would send.
    pub(super) async fn power(&self) -> Result<Vec<Check>, HubError> {
        let Some(account) = self.hub.account(&self.key.account()).await?.value else {
            return Ok(vec![Check::new(
                Verdict::Bad,
                "oracle's account",
                "not on the hub: the fee grant creates it",
            )]);
        };
        let mut checks = Vec::new();
        for message in self.needed() {
            let name = format!("can {}", message.type_url);
            checks.push(match self.attempt(self.wrapped(message), account).await? {
                Simulation::Fails(words) if words.contains(NOT_GRANTED_TEXT) => {
                    Check::new(Verdict::Bad, name, "no: not granted")
                }
                Simulation::Fails(words) if !words.contains("failed to execute message") => {
                    Check::new(Verdict::Bad, name, format!("no: {words}"))
                }
                _ => Check::new(Verdict::Good, name, "yes"),
            });
        }
        for message in self.forbidden() {
            let name = format!("cannot {}", message.type_url);
            checks.push(match self.attempt(self.wrapped(message), account).await? {
                Simulation::Fails(words) if words.contains(NOT_GRANTED_TEXT) => {
                    Check::new(Verdict::Good, name, "refused")
                }
                Simulation::Fails(words) if !words.contains("failed to execute message") => {
                    Check::new(Verdict::Warning, name, format!("not proven: {words}"))
                }
                _ => Check::new(Verdict::Bad, name, "it CAN: revoke that grant"),
            });
        }
        let gift = self.attempt(pack_any(&self.send(self.key.account().to_string())), account).await?;
        let name = "cannot spend the fee grant on other messages";
        checks.push(match gift {
            Simulation::Fails(words)
                if words.contains("message not allowed") || words.contains("does not allow") =>
            {
                Check::new(Verdict::Good, name, "refused")
            }
            Simulation::Fails(words) => Check::new(Verdict::Warning, name, format!("not proven: {words}")),
            Simulation::Gas(_) => Check::new(Verdict::Bad, name, "it CAN: give the fee grant anew"),
        });
        Ok(checks)
    }

    /// Returns one message of each granted type, about things that do not exist.
    fn needed(&self) -> Vec<Any> {
        let node = NodeAddress::new([0; 20]);
        let actions = one_action_per_type(node, ABSENT_ID, self.hours);
        let of = |action| message(action, &self.settings.provider, &self.settings.denom);
        actions.iter().map(of).collect()
    }

    fn forbidden(&self) -> Vec<Any> {
        let (account, provider) = (self.granter().to_string(), self.settings.provider.to_string());
        let thief = self.key.account().to_string();
        let name = || "x".to_owned();
        let generic = GenericAuthorization { msg: "/cosmos.bank.v1beta1.MsgSend".to_owned() };
        vec![
            pack_any(&self.send(account.clone())),
            pack_any(&MsgGrant {
                granter: account.clone(),
                grantee: thief.clone(),
                grant: Some(Grant { authorization: Some(pack_any(&generic)), expiration: None }),
            }),
            pack_any(&MsgGrantAllowance {
                granter: account.clone(),
                grantee: thief,
                allowance: Some(pack_any(&BasicAllowance::default())),
            }),
            pack_any(&MsgRegisterProviderRequest { from: account, name: name(), ..Default::default() }),
            pack_any(&MsgUpdateProviderDetailsRequest {
                from: provider.clone(),
                name: name(),
                ..Default::default()
            }),
            pack_any(&MsgUpdateProviderStatusRequest {
                from: provider.clone(),
                status: Status::Inactive.into(),
            }),
            pack_any(&MsgCreatePlanRequest {
                from: provider.clone(),
                bytes: "1".to_owned(),
                duration: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
                prices: Vec::new(),
                private: false,
            }),
            pack_any(&MsgUpdatePlanDetailsRequest { from: provider, id: ABSENT_ID, private: true }),
        ]
    }

    fn send(&self, from_address: String) -> MsgSend {
        let coin = Coin { denom: self.settings.denom.clone(), amount: "1".to_owned() };
        MsgSend { from_address, to_address: self.key.account().to_string(), amount: vec![coin] }
    }

    fn wrapped(&self, message: Any) -> Any {
        pack_any(&MsgExec { grantee: self.key.account().to_string(), msgs: vec![message] })
    }

    async fn attempt(&self, message: Any, account: AccountState) -> Result<Simulation, HubError> {
        let transaction = Transaction {
            messages: vec![message],
            gas_limit: 1,
            fee: self.settings.gas_price.fee(1),
            granter: Some(self.granter()),
            timeout_height: 0,
        };
        // The gas limit does not matter: the transaction is not sent.
        self.hub.simulate(&transaction.unsigned(self.key, account), u64::MAX).await
    }
}
