//! Trying, sending and finding transactions.

use super::{AtHeight, EndpointFault, HubClient, HubError, link::Reply, session::senseless};
use crate::{
    tx::{SignedTransaction, TxHash},
    wire::cosmos::{
        base::abci::v1beta1::TxResponse,
        tx::v1beta1::{BroadcastMode, BroadcastTxRequest, GetTxRequest, SimulateRequest},
    },
};

/// Longest part of a transaction's log that is kept.
const MAX_LOG_CHARS: usize = 2000;
/// tonic's own words for an error text that is no UTF-8; on this hub only those of authz are, as they hold the
/// raw key of the missing grant.
const UNREADABLE: &str = "Error deserializing status message header";

/// What would happen to a transaction now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Simulation {
    /// It would succeed, with this much gas.
    Gas(u64),
    /// It would fail; the hub's words.
    Fails(String),
}

/// Why a transaction had no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{codespace} code {code}: {log}")]
pub struct TxRejection {
    /// Who refused.
    pub codespace: String,
    /// Why, as a number of the codespace.
    pub code: u32,
    /// Why, in words.
    pub log: String,
}

/// A transaction in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutedTx {
    /// The block.
    pub height: u64,
    /// What it used.
    pub gas_used: u64,
    /// What it paid for.
    pub gas_wanted: u64,
    /// Whether it had its effect; it paid its fee in either case.
    pub outcome: Result<(), TxRejection>,
}

impl HubClient {
    /// What would happen to this transaction now. Signatures are not looked at. More gas than `most` is taken for
    /// senseless: it becomes the fee, and one endpoint says it.
    pub async fn simulate(&self, transaction: &SignedTransaction, most: u64) -> Result<Simulation, HubError> {
        let question = SimulateRequest { tx_bytes: transaction.bytes().to_vec() };
        let reply = self
            .pool
            .ask(&question, self.pool.deadline(), |answer| match (answer.gas_info, answer.result) {
                (Some(gas), _) if gas.gas_used > most => {
                    Err(senseless(format!("{} gas, where {most} are more than enough", gas.gas_used)))
                }
                (Some(gas), _) => Ok(Simulation::Gas(gas.gas_used)),
                (None, Some(result)) => Ok(Simulation::Fails(readable(&result.log))),
                (None, None) => Err(senseless("neither gas nor a result")),
            })
            .await?;
        reply.value.ok_or_else(|| HubError::Inconsistent("there is nothing to simulate with".into()))
    }

    /// Hands a transaction to the hub, which checks it and does not wait for a block. Saying the same again is
    /// harmless, and what the hub already has counts as accepted. An error says nothing about whether it arrived.
    pub async fn broadcast(
        &self,
        transaction: &SignedTransaction,
    ) -> Result<Result<(), TxRejection>, HubError> {
        const IN_MEMPOOL: (&str, u32) = ("sdk", 19);
        let mode = BroadcastMode::Sync.into();
        let question = BroadcastTxRequest { tx_bytes: transaction.bytes().to_vec(), mode };
        let reply = self
            .pool
            .ask(&question, self.pool.deadline(), |answer| {
                let response = answer.tx_response.ok_or_else(|| senseless("no result"))?;
                matches(&response, transaction.hash())?;
                Ok(match refused(response) {
                    Some(refused) if (refused.codespace.as_str(), refused.code) != IN_MEMPOOL => Err(refused),
                    _ => Ok(()),
                })
            })
            .await?;
        reply.value.ok_or_else(|| HubError::Inconsistent("there is nobody to send to".into()))
    }

    /// The transaction with this hash, and the height of the state in which it was looked for: a block is
    /// indexed a moment after its state shows.
    pub async fn transaction(&self, hash: &TxHash) -> Result<AtHeight<Option<ExecutedTx>>, HubError> {
        let question = GetTxRequest { hash: hash.to_string() };
        let Reply { value, height } = self
            .pool
            .ask(&question, self.pool.deadline(), |answer| {
                let response = answer.tx_response.ok_or_else(|| senseless("no result"))?;
                matches(&response, hash)?;
                let number = |number: i64| u64::try_from(number).unwrap_or_default();
                Ok(ExecutedTx {
                    height: number(response.height),
                    gas_used: number(response.gas_used),
                    gas_wanted: number(response.gas_wanted),
                    outcome: refused(response).map_or(Ok(()), Err),
                })
            })
            .await?;
        Ok(AtHeight { value, height })
    }
}

fn matches(response: &TxResponse, hash: &TxHash) -> Result<(), EndpointFault> {
    let same = response.txhash.eq_ignore_ascii_case(&hash.to_string());
    if same { Ok(()) } else { Err(senseless("another transaction")) }
}

fn refused(response: TxResponse) -> Option<TxRejection> {
    let TxResponse { codespace, code, raw_log, .. } = response;
    (code != 0).then(|| TxRejection {
        codespace: super::error::cut(&codespace),
        code,
        log: readable(&raw_log),
    })
}

fn readable(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    if text.starts_with(UNREADABLE) {
        return "the refusal is no readable text (authz: authorization not found)".to_owned();
    }
    super::error::single_line(&text, MAX_LOG_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_that_are_no_text_are_read_all_the_same() {
        let raw_log = b"failed to update grant with key \x01\x14\xff\xfe: authorization not found".to_vec();
        let response = TxResponse { codespace: "authz".to_owned(), code: 2, raw_log, ..Default::default() };
        let refused = refused(response).unwrap();
        assert!(refused.log.ends_with("authorization not found"), "{refused}");
        assert!(!refused.log.contains('\x01'));
        let tonics = format!("{UNREADABLE}: invalid utf-8 sequence");
        assert!(readable(tonics.as_bytes()).contains("authorization not found"));
        assert_eq!(readable(&[b'a'; 9000]).len(), MAX_LOG_CHARS);
    }
}
