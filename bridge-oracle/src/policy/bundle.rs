//! The approval as files for the transaction builder of Safe{Wallet}: schedule, execute, cancel. Makes the same
//! operation as `npm run bundle -- --sig "approveConfig(string,bytes32)"` in `contracts/`.

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::sol_types::{SolCall, SolValue};
use serde_json::{Value, json};
use sovereign_contracts::reader::{BlockTag, Call, ReadError, Reader};
use sovereign_contracts::system::{ParameterRegistry, TieredTimelock};

use super::Governed;

/// Scope of the approval in the `ParameterRegistry`.
pub const APPROVAL_SCOPE: &str = "BRIDGE_ORACLE";
const APPROVE_ACTION: &str = "approveConfig";

/// The three steps of an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// File names without extension, with their contents.
    pub files: [(String, Value); 3],
    /// The timelock.
    pub timelock: Address,
    /// Seconds from schedule to execution.
    pub delay: u64,
}

impl Bundle {
    /// Builds the approval of `governed` as the contracts require it. `salt` distinguishes equal operations.
    pub async fn make(governed: &Governed, reader: &Reader, salt: u64) -> Result<Self, ReadError> {
        let registry = governed.ethereum.parameter_registry;
        let payload = approve(governed.hash());
        let admin = Call::new(registry, &ParameterRegistry::defaultAdminCall {});
        let timelock = answer::<ParameterRegistry::defaultAdminCall>(reader, admin).await?;
        let question = TieredTimelock::requiredDelayCall { target: registry, data: payload.clone() };
        let delay =
            answer::<TieredTimelock::requiredDelayCall>(reader, Call::new(timelock, &question)).await?;
        Ok(Self::of(governed.ethereum.chain_id, timelock, registry, payload, delay, salt))
    }

    fn of(chain: u64, timelock: Address, registry: Address, payload: Bytes, delay: U256, salt: u64) -> Self {
        let salt = keccak256((APPROVE_ACTION, U256::from(salt)).abi_encode_params());
        let (targets, values, payloads) = (vec![registry], vec![U256::ZERO], vec![payload]);
        let id = keccak256(
            (targets.clone(), values.clone(), payloads.clone(), B256::ZERO, salt).abi_encode_params(),
        );
        let schedule = TieredTimelock::scheduleBatchCall {
            targets: targets.clone(),
            values: values.clone(),
            payloads: payloads.clone(),
            predecessor: B256::ZERO,
            salt,
            delay,
        };
        let execute =
            TieredTimelock::executeBatchCall { targets, values, payloads, predecessor: B256::ZERO, salt };
        let cancel = TieredTimelock::cancelCall { id };
        let delay = u64::try_from(delay).unwrap_or(u64::MAX);
        let file = |step: &str, data: Vec<u8>| {
            let name = format!("{APPROVE_ACTION}.{step}");
            let json = json!({
                "version": "1.0",
                "chainId": chain.to_string(),
                "createdAt": 0,
                "meta": { "name": name, "description": format!("execute after {delay} seconds") },
                "transactions": [{
                    "to": timelock.to_checksum(None),
                    "value": "0",
                    "data": Bytes::from(data),
                    "contractMethod": null,
                    "contractInputsValues": null,
                }],
            });
            (name, json)
        };
        let files = [
            file("schedule", schedule.abi_encode()),
            file("execute", execute.abi_encode()),
            file("cancel", cancel.abi_encode()),
        ];
        Self { files, timelock, delay }
    }
}

fn approve(hash: B256) -> Bytes {
    ParameterRegistry::approveConfigCall { scope: keccak256(APPROVAL_SCOPE), configHash: hash }
        .abi_encode()
        .into()
}

async fn answer<C: SolCall>(reader: &Reader, call: Call) -> Result<C::Return, ReadError> {
    let snapshot = reader.read(&[call], BlockTag::Latest).await?;
    let result = snapshot.results.first();
    result.ok_or_else(|| ReadError::Unavailable("no answer".to_owned()))?.decode::<C>()
}
