//! API below `/gate/`: eligibility, sign-in and the page. `openapi.json` specifies shapes and errors.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode};
use sentinel_proto::address::AccountAddress;
use tracing::{Instrument as _, instrument};

use super::envelope::{self, Body};
use super::parameters::{self, Parameters, SignedMessage, WalletParameter};
use crate::access::Access;
use crate::enforce::Enforcer;
use crate::redact::{ShortAccount, ShortAddress};
use crate::refusal::Refusal;
use crate::request_span;
use crate::run_to_completion::RunToCompletion;
use crate::signin::{BindingInfo, Eligibility, SignIn, SignInError};
use crate::web;

const OPENAPI: &str = include_str!("openapi.json");

/// The API below `/gate/`.
pub struct GateApi {
    sign_in: SignIn,
    access: Arc<Access>,
    enforcer: Arc<Enforcer>,
}

type ApiResult = Result<Response<Body>, Refusal>;

impl GateApi {
    /// Creates the API of these components.
    pub fn new(sign_in: SignIn, access: Arc<Access>, enforcer: Arc<Enforcer>) -> Self {
        Self { sign_in, access, enforcer }
    }

    /// Answers one request.
    pub(super) async fn answer(self: &Arc<Self>, client: IpAddr, parts: &Parts, body: &Bytes) -> ApiResult {
        let path = parts.uri.path();
        match (&parts.method, path) {
            (&Method::GET, "/gate/eligibility") => self.eligibility(parts).await,
            (&Method::GET, "/gate/challenge") => self.challenge(client, parts),
            (&Method::POST, "/gate/bindings") => self.bind(client, body).await,
            (&Method::GET, "/gate/binding") => self.binding(&parts.headers).await,
            (&Method::DELETE, "/gate/binding") => self.unbind(&parts.headers).await,
            (&Method::GET | &Method::HEAD, "/gate/openapi.json") => Ok(openapi_response(OPENAPI)),
            (&Method::GET | &Method::HEAD, page) => {
                web::asset(page).map(|asset| asset_response(asset, &parts.headers)).ok_or(Refusal::NoSuchPath)
            }
            _ => Err(Refusal::NoSuchPath),
        }
    }

    async fn eligibility(&self, parts: &Parts) -> ApiResult {
        let query = Parameters::parse(parts.uri.query(), &["wallet", "vault"])?;
        let WalletParameter(wallet) = query.required("wallet")?;
        request_span::record_wallet(wallet);
        let vault = query.optional::<WalletParameter>("vault")?.map(|WalletParameter(vault)| vault);
        let summary = self.access.public_summary(wallet, vault).await.map_err(|error| {
            tracing::warn!(%error, "Ethereum unavailable for eligibility");
            Refusal::EthereumUnavailable
        })?;
        Ok(envelope::success(StatusCode::OK, &Eligibility(summary)))
    }

    fn challenge(&self, client: IpAddr, parts: &Parts) -> ApiResult {
        let query = Parameters::parse(parts.uri.query(), &["wallet", "account", "vault"])?;
        let account: AccountAddress = query.required("account")?;
        let WalletParameter(wallet) = query.required("wallet")?;
        let vault = query.optional::<WalletParameter>("vault")?.map(|WalletParameter(vault)| vault);
        request_span::record_account(account);
        request_span::record_wallet(wallet);
        let challenge = self.sign_in.challenge(wallet, account, vault, client.into());
        Ok(envelope::success(StatusCode::OK, &challenge.map_err(refuse_sign_in)?))
    }

    /// Completes even if the client disconnects: a recorded binding restores the sessions that were evicted without it.
    async fn bind(self: &Arc<Self>, client: IpAddr, body: &Bytes) -> ApiResult {
        let (api, signed) = (Arc::clone(self), parameters::parse_signed_message(body)?);
        let bound =
            RunToCompletion::new(async move { api.bind_signed(client, &signed).await }.in_current_span());
        bound.await.map_err(|_| Refusal::Internal)?
    }

    async fn bind_signed(&self, client: IpAddr, signed: &SignedMessage) -> ApiResult {
        let bound = self.sign_in.bind(&signed.message, &signed.signature, client.into()).await;
        let (outcome, reason) = match &bound {
            Ok(_) => ("bound", "signed"),
            Err(error) => ("refused", error.clone().refusal().label()),
        };
        metrics::counter!("sovereign_gate_signins_total", "outcome" => outcome, "reason" => reason)
            .increment(1);
        let bound = bound.map_err(refuse_sign_in)?;
        // A newer binding extends the sessions that rest on it and restores those of an ended binding.
        self.request_reevaluation(&bound.binding.account);
        tracing::info!(wallet = %ShortAddress(bound.binding.wallet), tier = bound.summary.tier.name(),
            "wallet bound");
        Ok(envelope::success(StatusCode::CREATED, &bound))
    }

    /// Queues the sessions of the account: what rests on a changed binding is extended, moved, restored or evicted.
    #[instrument(level = "debug", skip_all, fields(account = %ShortAccount(*account)))]
    fn request_reevaluation(&self, account: &AccountAddress) {
        self.enforcer.account_changed(account);
    }

    async fn binding(&self, headers: &HeaderMap) -> ApiResult {
        let bound: BindingInfo =
            self.sign_in.binding(bearer_token(headers)?).await.map_err(refuse_sign_in)?;
        Ok(envelope::success(StatusCode::OK, &bound))
    }

    /// Completes even if the client disconnects: the sessions that rest on the binding must be evicted.
    async fn unbind(self: &Arc<Self>, headers: &HeaderMap) -> ApiResult {
        let (api, token) = (Arc::clone(self), bearer_token(headers)?.to_owned());
        let unbound = RunToCompletion::new(
            async move {
                let ended = api.sign_in.unbind(&token).await.map_err(refuse_sign_in)?;
                request_span::record_account(ended.account);
                request_span::record_wallet(ended.wallet);
                api.request_reevaluation(&ended.account);
                tracing::info!("binding ended");
                Ok(envelope::empty_response(StatusCode::NO_CONTENT))
            }
            .in_current_span(),
        );
        unbound.await.map_err(|_| Refusal::Internal)?
    }
}

fn bearer_token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(Refusal::Token) };
    let (scheme, token) =
        value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(Refusal::Token)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(Refusal::Token) }
}

/// Returns the refusal of a sign-in error and logs the cause of an internal one.
fn refuse_sign_in(error: SignInError) -> Refusal {
    if let SignInError::Store(cause) = &error {
        tracing::error!(%cause, "sign-in failed in the store");
    }
    error.refusal()
}

fn openapi_response(text: &'static str) -> Response<Body> {
    let mut answer = Response::new(envelope::full_body(text));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    answer
}

/// Returns an asset, or 304 if the client has the current version.
fn asset_response(asset: &'static web::Asset, request_headers: &HeaderMap) -> Response<Body> {
    let fresh =
        request_headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == asset.etag.as_bytes());
    let mut answer = if fresh {
        envelope::empty_response(StatusCode::NOT_MODIFIED)
    } else {
        Response::new(envelope::full_body(asset.bytes))
    };
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        headers.insert(ETAG, etag);
    }
    for (name, value) in asset.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    answer
}
