//! The calls below `/gate/`: who is eligible, sign-in, the page. Shapes and errors are in `openapi.json`.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode};
use sentinel_proto::address::AccountAddress;
use tracing::Instrument as _;

use super::answer::{self, Body};
use super::parameters::{self, Parameters, SignedMessage, Wallet};
use crate::access::Access;
use crate::enforce::Enforcer;
use crate::refusal::Refusal;
use crate::signin::{Bound, Eligibility, SignIn, SignInError};
use crate::to_the_end::ToTheEnd;
use crate::web;

const OPENAPI: &str = include_str!("openapi.json");

/// Answers the calls below `/gate/`.
pub struct Api {
    sign_in: SignIn,
    access: Arc<Access>,
    enforcer: Arc<Enforcer>,
}

type Answered = Result<Response<Body>, Refusal>;

impl Api {
    /// Calls answered by these.
    pub fn new(sign_in: SignIn, access: Arc<Access>, enforcer: Arc<Enforcer>) -> Self {
        Self { sign_in, access, enforcer }
    }

    /// Answers one call.
    pub(super) async fn answer(self: &Arc<Self>, client: IpAddr, parts: &Parts, body: &Bytes) -> Answered {
        let path = parts.uri.path();
        match (&parts.method, path) {
            (&Method::GET, "/gate/eligibility") => self.eligibility(parts).await,
            (&Method::GET, "/gate/challenge") => self.challenge(client, parts),
            (&Method::POST, "/gate/bindings") => self.bind(client, body).await,
            (&Method::GET, "/gate/binding") => self.binding(&parts.headers).await,
            (&Method::DELETE, "/gate/binding") => self.unbind(&parts.headers).await,
            (&Method::GET | &Method::HEAD, "/gate/openapi.json") => Ok(document(OPENAPI)),
            (&Method::GET | &Method::HEAD, page) => {
                web::asset(page).map(|asset| page_of(asset, &parts.headers)).ok_or(Refusal::NoSuchPath)
            }
            _ => Err(Refusal::NoSuchPath),
        }
    }

    async fn eligibility(&self, parts: &Parts) -> Answered {
        let query = Parameters::parse(parts.uri.query(), &["wallet", "vault"])?;
        let Wallet(wallet) = query.required("wallet")?;
        let vault = query.optional::<Wallet>("vault")?.map(|Wallet(vault)| vault);
        let summary = self.access.public_summary(wallet, vault).await.map_err(|error| {
            tracing::warn!(%error, "Ethereum cannot be asked for a wallet's cards");
            Refusal::EthereumUnavailable
        })?;
        Ok(answer::success(StatusCode::OK, &Eligibility(summary)))
    }

    fn challenge(&self, client: IpAddr, parts: &Parts) -> Answered {
        let query = Parameters::parse(parts.uri.query(), &["wallet", "account", "vault"])?;
        let account: AccountAddress = query.required("account")?;
        let Wallet(wallet) = query.required("wallet")?;
        let vault = query.optional::<Wallet>("vault")?.map(|Wallet(vault)| vault);
        let challenge = self.sign_in.challenge(wallet, account, vault, client.into());
        Ok(answer::success(StatusCode::OK, &challenge.map_err(refused)?))
    }

    /// Also if the client leaves: once it is written, whoever lost his tunnel for want of it gets it back.
    async fn bind(self: &Arc<Self>, client: IpAddr, body: &Bytes) -> Answered {
        let (api, signed) = (Arc::clone(self), parameters::signed_message(body)?);
        let bound = ToTheEnd::new(async move { api.bind_signed(client, &signed).await }.in_current_span());
        bound.await.map_err(|_| Refusal::Internal)?
    }

    async fn bind_signed(&self, client: IpAddr, signed: &SignedMessage) -> Answered {
        let bound = self.sign_in.bind(&signed.message, &signed.signature, client.into()).await;
        let (outcome, reason) = match &bound {
            Ok(_) => ("bound", "signed"),
            Err(error) => ("refused", error.clone().refusal().label()),
        };
        metrics::counter!("sovereign_gate_signins_total", "outcome" => outcome, "reason" => reason)
            .increment(1);
        let bound = bound.map_err(refused)?;
        // A newer sign-in lengthens what rests on it, and brings back what an ended one took.
        self.enforcer.account_changed(&bound.binding.account);
        tracing::info!(wallet = %crate::ops::redact::Short(bound.binding.wallet), tier = bound.summary.tier.name(),
            "wallet bound");
        Ok(answer::success(StatusCode::CREATED, &bound))
    }

    async fn binding(&self, headers: &HeaderMap) -> Answered {
        let bound: Bound = self.sign_in.binding(bearer(headers)?).await.map_err(refused)?;
        Ok(answer::success(StatusCode::OK, &bound))
    }

    /// Also if the client leaves: once it is written, those must go who rested on it.
    async fn unbind(self: &Arc<Self>, headers: &HeaderMap) -> Answered {
        let (api, token) = (Arc::clone(self), bearer(headers)?.to_owned());
        let unbound = ToTheEnd::new(
            async move {
                let ended = api.sign_in.unbind(&token).await.map_err(refused)?;
                api.enforcer.account_changed(&ended.account);
                Ok(answer::empty(StatusCode::NO_CONTENT))
            }
            .in_current_span(),
        );
        unbound.await.map_err(|_| Refusal::Internal)?
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(Refusal::Token) };
    let (scheme, token) =
        value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(Refusal::Token)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(Refusal::Token) }
}

/// The refusal for a sign-in error; the cause of an internal one goes to the log only.
fn refused(error: SignInError) -> Refusal {
    if let SignInError::Store(cause) = &error {
        tracing::error!(%cause, "the store refuses a sign-in");
    }
    error.refusal()
}

fn document(text: &'static str) -> Response<Body> {
    let mut answer = Response::new(answer::full(text));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    answer
}

/// A file of the page, or the news that the client's copy is still good.
fn page_of(asset: &'static web::Asset, asked: &HeaderMap) -> Response<Body> {
    let fresh = asked.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == asset.etag.as_bytes());
    let mut answer = if fresh {
        answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        Response::new(answer::full(asset.bytes))
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
