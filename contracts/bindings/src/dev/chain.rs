//! A development chain (anvil), driven over JSON-RPC: any account signs without a key.

use std::time::Duration;

use alloy::primitives::{Address, Bytes, U256};
use alloy::sol_types::{SolCall, SolValue};
use serde_json::{Value, json};

use super::{Artifact, DevError, placements};
use crate::memes::IMemes;

/// Client of one anvil.
#[derive(Debug, Clone)]
pub struct DevChain {
    url: String,
    http: reqwest::Client,
}

impl DevChain {
    /// Speaks to the anvil at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        super::anvil::install_crypto();
        Self { url: url.into(), http: reqwest::Client::new() }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// One JSON-RPC call.
    pub async fn rpc(&self, method: &str, params: Value) -> Result<Value, DevError> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let http_error = |source| DevError::Http { method: method.to_owned(), source };
        let response = self.http.post(&self.url).json(&request).send().await.map_err(http_error)?;
        let mut answer: Value = response.json().await.map_err(http_error)?;
        match answer.get("error") {
            Some(error) => Err(refused(method, error)),
            None => Ok(answer["result"].take()),
        }
    }

    /// Many JSON-RPC calls in one exchange, in this order.
    pub async fn batch(&self, calls: &[(&str, Value)]) -> Result<(), DevError> {
        let request: Vec<_> = (1_u64..)
            .zip(calls)
            .map(|(id, (method, params))| {
                json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
            })
            .collect();
        let http_error = |source| DevError::Http { method: "batch".to_owned(), source };
        let response = self.http.post(&self.url).json(&request).send().await.map_err(http_error)?;
        let answers: Vec<Value> = response.json().await.map_err(http_error)?;
        match answers.iter().find_map(|answer| answer.get("error")) {
            Some(error) => Err(refused("batch", error)),
            None if answers.len() < calls.len() => Err(refused("batch", &json!("an answer is missing"))),
            None => Ok(()),
        }
    }

    /// Puts the stand-ins at their canonical addresses.
    pub async fn place_stand_ins(&self) -> Result<(), DevError> {
        for (address, artifact) in placements() {
            self.set_code(address, &artifact.runtime_code()).await?;
        }
        Ok(())
    }

    /// Replaces the code at `address`.
    pub async fn set_code(&self, address: Address, code: &Bytes) -> Result<(), DevError> {
        self.rpc("anvil_setCode", json!([address, code])).await.map(drop)
    }

    /// Deploys `artifact` from `from`, with ABI-encoded constructor arguments.
    pub async fn deploy(&self, from: Address, artifact: Artifact, args: &[u8]) -> Result<Address, DevError> {
        let code = Bytes::from([artifact.creation_code().as_ref(), args].concat());
        let receipt = self.transact(json!({ "from": from, "data": code })).await?;
        let address = receipt["contractAddress"].as_str().and_then(|text| text.parse().ok());
        address.ok_or_else(|| refused("eth_sendTransaction", &json!("no contract address")))
    }

    /// Deploys `TestMemes` and mints one of each id from 1 to `ids` to its deployer.
    pub async fn deploy_memes(&self, deployer: Address, ids: u64) -> Result<Address, DevError> {
        let memes = self.deploy(deployer, Artifact::TestMemes, &[]).await?;
        for id in 1..=ids {
            self.mint(deployer, memes, deployer, id).await?;
        }
        Ok(memes)
    }

    /// Mints one card `id` to `to`.
    pub async fn mint(
        &self,
        deployer: Address,
        memes: Address,
        to: Address,
        id: u64,
    ) -> Result<(), DevError> {
        let args = (to, U256::from(id), U256::from(1));
        let data = [mint_selector().as_slice(), &args.abi_encode_params()].concat();
        self.send(deployer, memes, data.into()).await
    }

    /// Whose balance of card `id` is how much.
    pub async fn balance(&self, memes: Address, wallet: Address, id: u64) -> Result<U256, DevError> {
        let call = IMemes::balanceOfCall { account: wallet, id: U256::from(id) };
        let request = json!([{ "to": memes, "data": Bytes::from(call.abi_encode()) }, "latest"]);
        let answer = self.rpc("eth_call", request).await?;
        let word = answer.as_str().and_then(|text| text.parse().ok());
        word.ok_or_else(|| refused("eth_call", &answer))
    }

    /// Sends a transaction from any address, whose key nobody needs, and fails unless it succeeds.
    pub async fn send(&self, from: Address, to: Address, data: Bytes) -> Result<(), DevError> {
        self.transact(json!({ "from": from, "to": to, "data": data })).await.map(drop)
    }

    /// [`send`](Self::send) of a typed call.
    pub async fn call<C: SolCall + Sync>(
        &self,
        from: Address,
        to: Address,
        call: &C,
    ) -> Result<(), DevError> {
        self.send(from, to, call.abi_encode().into()).await
    }

    /// [`call`](Self::call) with `value` wei.
    pub async fn pay<C: SolCall + Sync>(
        &self,
        from: Address,
        to: Address,
        call: &C,
        value: U256,
    ) -> Result<(), DevError> {
        let data = Bytes::from(call.abi_encode());
        self.transact(json!({ "from": from, "to": to, "data": data, "value": value })).await.map(drop)
    }

    /// Asks a typed view at the latest block.
    pub async fn view<C: SolCall + Sync>(&self, to: Address, call: &C) -> Result<C::Return, DevError> {
        let request = json!([{ "to": to, "data": Bytes::from(call.abi_encode()) }, "latest"]);
        let answer = self.rpc("eth_call", request).await?;
        let bytes = answer.as_str().and_then(|text| text.parse::<Bytes>().ok()).unwrap_or_default();
        C::abi_decode_returns(&bytes).map_err(|error| refused(C::SIGNATURE, &json!(error.to_string())))
    }

    /// Whether there is code at `address`.
    pub async fn has_code(&self, address: Address) -> Result<bool, DevError> {
        let code = self.rpc("eth_getCode", json!([address, "latest"])).await?;
        Ok(code.as_str().is_some_and(|code| code.len() > 2))
    }

    /// Mines one block, `seconds` after the last one.
    pub async fn mine_after(&self, seconds: u64) -> Result<(), DevError> {
        self.rpc("evm_increaseTime", json!([seconds])).await?;
        self.rpc("evm_mine", json!([])).await.map(drop)
    }

    /// Mines one block at `time`.
    pub async fn mine_at(&self, time: u64) -> Result<(), DevError> {
        self.rpc("evm_setNextBlockTimestamp", json!([time])).await?;
        self.rpc("evm_mine", json!([])).await.map(drop)
    }

    /// Time of the latest block.
    pub async fn now(&self) -> Result<u64, DevError> {
        let block = self.rpc("eth_getBlockByNumber", json!(["latest", false])).await?;
        let time = block["timestamp"].as_str().and_then(|text| text.parse::<U256>().ok());
        time.map(|time| time.saturating_to()).ok_or_else(|| refused("eth_getBlockByNumber", &block))
    }

    async fn transact(&self, mut transaction: Value) -> Result<Value, DevError> {
        let from = transaction["from"].clone();
        self.rpc("anvil_impersonateAccount", json!([from])).await?;
        self.rpc("anvil_setBalance", json!([from, "0x56bc75e2d63100000"])).await?;
        transaction["gas"] = json!("0x1000000");
        let hash = self.rpc("eth_sendTransaction", json!([transaction])).await?;
        let receipt = self.receipt(&hash).await?;
        if receipt["status"] == "0x1" {
            return Ok(receipt);
        }
        let [from, to, hash] = ["from", "to", "transactionHash"].map(|key| receipt[key].to_string());
        let why = format!("reverted: from {from} to {to}, transaction {hash}");
        Err(refused("eth_sendTransaction", &json!(why)))
    }

    /// The answer to a transaction comes before its block.
    async fn receipt(&self, hash: &Value) -> Result<Value, DevError> {
        for _ in 0..500 {
            let receipt = self.rpc("eth_getTransactionReceipt", json!([hash])).await?;
            if !receipt.is_null() {
                return Ok(receipt);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(refused("eth_getTransactionReceipt", &json!("not mined within 5 s")))
    }
}

fn mint_selector() -> [u8; 4] {
    let hash = alloy::primitives::keccak256("mint(address,uint256,uint256)");
    [hash[0], hash[1], hash[2], hash[3]]
}

fn refused(method: &str, answer: &Value) -> DevError {
    let message =
        answer.get("message").and_then(Value::as_str).map_or_else(|| answer.to_string(), str::to_owned);
    DevError::Refused { method: method.to_owned(), message }
}
