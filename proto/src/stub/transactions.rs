//! Accounts, grants and transactions of the stub.

use tonic::{Request, Response, Status};

use super::services::Stub;
use crate::{
    tx::SignedTransaction,
    wire::cosmos::{
        auth::v1beta1::{self as auth, BaseAccount, QueryAccountInfoRequest, QueryAccountInfoResponse},
        authz::v1beta1::{self as authz, QueryGrantsRequest, QueryGrantsResponse},
        base::{
            abci::v1beta1::{GasInfo, TxResponse},
            query::v1beta1::PageResponse,
        },
        tx::v1beta1::{
            BroadcastTxRequest, BroadcastTxResponse, GetTxRequest, GetTxResponse, SimulateRequest,
            SimulateResponse, service_server::Service,
        },
    },
};

#[tonic::async_trait]
impl auth::query_server::Query for Stub {
    async fn account_info(
        &self,
        request: Request<QueryAccountInfoRequest>,
    ) -> Result<Response<QueryAccountInfoResponse>, Status> {
        let address = request.into_inner().address;
        self.answer("AccountInfo", |state| {
            let info = BaseAccount { address, account_number: 1, sequence: state.sequence };
            Some(QueryAccountInfoResponse { info: Some(info) })
        })
        .await
    }
}

#[tonic::async_trait]
impl authz::query_server::Query for Stub {
    async fn grants(&self, _: Request<QueryGrantsRequest>) -> Result<Response<QueryGrantsResponse>, Status> {
        self.answer("Grants", |state| {
            let next_key = (state.next_page_key)(state.count("Grants"));
            let pagination = Some(PageResponse { next_key, total: 0 });
            Some(QueryGrantsResponse { grants: state.grants.clone(), pagination })
        })
        .await
    }
}

#[tonic::async_trait]
impl Service for Stub {
    async fn simulate(&self, _: Request<SimulateRequest>) -> Result<Response<SimulateResponse>, Status> {
        let mut words = None;
        let answer = self.answer("Simulate", |state| match &state.simulated {
            Ok(gas_used) => {
                let gas_info = Some(GasInfo { gas_wanted: 0, gas_used: *gas_used });
                Some(SimulateResponse { gas_info, result: None })
            }
            Err(fails) => {
                words = Some(fails.clone());
                None
            }
        });
        let answer = answer.await;
        if let Some(words) = words { Err(Status::unknown(words)) } else { answer }
    }

    async fn get_tx(&self, request: Request<GetTxRequest>) -> Result<Response<GetTxResponse>, Status> {
        let hash = request.into_inner().hash;
        self.answer("GetTx", |state| {
            let found = state.executed.get(&hash)?;
            Some(GetTxResponse { tx_response: Some(found.clone()) })
        })
        .await
    }

    async fn broadcast_tx(
        &self,
        request: Request<BroadcastTxRequest>,
    ) -> Result<Response<BroadcastTxResponse>, Status> {
        let transaction = SignedTransaction::from_bytes(request.into_inner().tx_bytes);
        self.answer("BroadcastTx", |state| {
            let (txhash, code) = (transaction.hash().to_string(), state.refusal);
            state.sent.push(transaction);
            let codespace = if code == 0 { String::new() } else { "sdk".to_owned() };
            Some(BroadcastTxResponse {
                tx_response: Some(TxResponse { txhash, codespace, code, ..TxResponse::default() }),
            })
        })
        .await
    }
}
