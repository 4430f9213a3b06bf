//! Simulates, broadcasts and finds transactions.

use super::{AtHeight, EndpointFault, HubClient, HubError, link::Reply, session::invalid_answer};
use crate::{
    tx::{SignedTransaction, TxHash},
    wire::cosmos::{
        base::abci::v1beta1::TxResponse,
        tx::v1beta1::{BroadcastMode, BroadcastTxRequest, GetTxRequest, SimulateRequest},
    },
};

/// Maximum length of a transaction log in an error.
const MAX_LOG_CHARS: usize = 2000;
/// Message of tonic for an error text that is not UTF-8. On this hub only errors of authz are such texts, as they
/// contain the raw key of the missing grant.
const UNREADABLE: &str = "Error deserializing status message header";

/// Result of a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Simulation {
    /// The transaction would succeed and use this much gas.
    Gas(u64),
    /// The transaction would fail with this message of the hub.
    Fails(String),
}

/// Why a transaction was rejected or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{codespace} code {code}: {log}")]
pub struct TxRejection {
    /// Module that returned the error.
    pub codespace: String,
    /// Error code in the codespace.
    pub code: u32,
    /// Error message.
    pub log: String,
}

/// A transaction in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutedTx {
    /// Height of the block.
    pub height: u64,
    /// Gas used.
    pub gas_used: u64,
    /// Gas limit that the fee was paid for.
    pub gas_wanted: u64,
    /// Whether its messages took effect; the fee is paid in either case.
    pub outcome: Result<(), TxRejection>,
}

impl HubClient {
    /// Simulates a transaction; signatures are not verified. More gas than `max_gas` makes the answer invalid, since
    /// the fee is computed from the figure of a single endpoint.
    pub async fn simulate(
        &self,
        transaction: &SignedTransaction,
        max_gas: u64,
    ) -> Result<Simulation, HubError> {
        let question = SimulateRequest { tx_bytes: transaction.bytes().to_vec() };
        let reply = self
            .pool
            .ask(&question, self.pool.deadline(), |answer| match (answer.gas_info, answer.result) {
                (Some(gas), _) if gas.gas_used > max_gas => {
                    Err(invalid_answer(format!("{} gas, where {max_gas} are more than enough", gas.gas_used)))
                }
                (Some(gas), _) => Ok(Simulation::Gas(gas.gas_used)),
                (None, Some(result)) => Ok(Simulation::Fails(readable(&result.log))),
                (None, None) => Err(invalid_answer("neither gas nor a result")),
            })
            .await?;
        reply.value.ok_or_else(|| HubError::Inconsistent("there is nothing to simulate with".into()))
    }

    /// Broadcasts a transaction in sync mode: the hub checks it and does not wait for a block. Repeating it is
    /// harmless; a transaction that is already in the mempool counts as accepted. After an error the transaction may
    /// still have arrived.
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
                let response = answer.tx_response.ok_or_else(|| invalid_answer("no result"))?;
                matches(&response, transaction.hash())?;
                Ok(match refused(response) {
                    Some(refused) if (refused.codespace.as_str(), refused.code) != IN_MEMPOOL => Err(refused),
                    _ => Ok(()),
                })
            })
            .await?;
        reply.value.ok_or_else(|| HubError::Inconsistent("there is nobody to send to".into()))
    }

    /// Transaction by hash, and the height of the state that was searched. A block is indexed a moment after its
    /// state is visible.
    pub async fn transaction(&self, hash: &TxHash) -> Result<AtHeight<Option<ExecutedTx>>, HubError> {
        let question = GetTxRequest { hash: hash.to_string() };
        let Reply { value, height } = self
            .pool
            .ask(&question, self.pool.deadline(), |answer| {
                let response = answer.tx_response.ok_or_else(|| invalid_answer("no result"))?;
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
    if same { Ok(()) } else { Err(invalid_answer("another transaction")) }
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
    fn reads_logs_that_are_not_utf8() {
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
