//! What the operator may do on the private address, each with a reason that is written down.
//!
//! Every deed takes a JSON object, which a page in a browser of this machine cannot send to another origin unasked.

use alloy::primitives::Address;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use service_runtime::object::Object;

use super::admin::Admin;
use super::reload::Reloaded;
use crate::enforce::Target;
use crate::store::clock::rfc3339;
use crate::store::{AuditEntry, Kept, StoreError};
use crate::to_the_end::ToTheEnd;

/// Deeds that are shown.
const SHOWN: u32 = 1000;

/// Why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}

/// Whose sessions, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Drop {
    target: String,
    reason: String,
}

pub(super) fn routes() -> Router<Admin> {
    Router::new()
        .route("/sessions/drop", post(drop_sessions))
        .route("/pause", get(paused).post(pause))
        .route("/resume", post(resume))
        .route("/lockdown", post(lock_down))
        .route("/reload", post(reload))
        .route("/audit", get(audit))
        .route("/holder/{wallet}", get(export))
        .route("/holder/{wallet}/erase", post(erase))
}

async fn drop_sessions(State(admin): State<Admin>, Object(drop): Object<Drop>) -> Response {
    let target: Target = match drop.target.parse() {
        Ok(target) => target,
        Err(error) => return bad(&format!("{}: {error}", drop.target)),
    };
    deed(async move {
        let dropped = admin.enforcer.drop_sessions(target, &drop.reason).await?;
        Ok(json!({ "dropped": dropped }))
    })
    .await
}

async fn paused(State(admin): State<Admin>) -> Response {
    let pause = admin.store.paused();
    let told = pause.map(|pause| json!({ "since": rfc3339(pause.since), "reason": pause.reason }));
    Json(json!({ "paused": told })).into_response()
}

async fn pause(State(admin): State<Admin>, Object(why): Object<Reason>) -> Response {
    set_paused(admin, true, why).await
}

async fn resume(State(admin): State<Admin>, Object(why): Object<Reason>) -> Response {
    set_paused(admin, false, why).await
}

async fn set_paused(admin: Admin, paused: bool, why: Reason) -> Response {
    deed(async move {
        admin.enforcer.pause(paused, &why.reason).await?;
        Ok(json!({ "paused": paused }))
    })
    .await
}

async fn lock_down(State(admin): State<Admin>, Object(why): Object<Reason>) -> Response {
    deed(async move {
        let dropped = admin.enforcer.lock_down(&why.reason).await?;
        Ok(json!({ "paused": true, "dropped": dropped }))
    })
    .await
}

/// The only deed without a body: it does nothing that the file does not say.
async fn reload(State(admin): State<Admin>) -> Response {
    match admin.reload.again() {
        Ok(Reloaded { taken, needs_restart }) => {
            let written = admin.store.audit("reload", "configuration", &taken.join(", ")).await;
            done(
                written.map(|()| json!({ "reloaded": true, "taken": taken, "needs_restart": needs_restart })),
            )
        }
        Err(error) => bad(&error.to_string()),
    }
}

async fn audit(State(admin): State<Admin>) -> Response {
    let log = admin.store.audit_log(SHOWN).await;
    done(log.map(|log| json!({ "audit": log.iter().map(entry).collect::<Vec<_>>() })))
}

async fn export(State(admin): State<Admin>, Path(wallet): Path<String>) -> Response {
    let Some(wallet) = parse(&wallet) else { return bad("not a wallet") };
    done(admin.store.kept_of(wallet).await.map(|kept| all(wallet, &kept)))
}

async fn erase(
    State(admin): State<Admin>,
    Path(wallet): Path<String>,
    Object(why): Object<Reason>,
) -> Response {
    let Some(wallet) = parse(&wallet) else { return bad("not a wallet") };
    deed(async move {
        let dropped = admin.enforcer.erase(wallet, &why.reason).await?;
        Ok(json!({ "erased": true, "dropped": dropped }))
    })
    .await
}

fn parse(wallet: &str) -> Option<Address> {
    wallet.parse().ok()
}

fn entry(entry: &AuditEntry) -> Value {
    json!({
        "at": rfc3339(entry.at), "action": entry.action, "subject": entry.subject, "reason": entry.reason,
    })
}

fn all(wallet: Address, kept: &Kept) -> Value {
    let bindings = kept.bindings.iter().map(|binding| {
        json!({
            "account": binding.account, "wallet": binding.wallet, "vault": binding.vault,
            "issued_at": rfc3339(binding.issued_at), "expires_at": rfc3339(binding.expires_at),
            "message": binding.message,
        })
    });
    let sessions = kept.sessions.iter().map(|session| {
        json!({
            "session_id": session.session_id, "account": session.account,
            "admitted_at": rfc3339(session.admitted_at), "ended_at": session.ended_at.map(rfc3339),
            "addresses": session.addresses,
        })
    });
    let open = kept.open.iter().map(|handshake| {
        json!({
            "session_id": handshake.session_id, "account": handshake.account,
            "admitted_at": rfc3339(handshake.admitted_at),
        })
    });
    json!({
        "wallet": wallet.to_checksum(None), "bindings": bindings.collect::<Vec<_>>(),
        "sessions": sessions.collect::<Vec<_>>(), "open_handshakes": open.collect::<Vec<_>>(),
        "audit": kept.audit.iter().map(entry).collect::<Vec<_>>(),
    })
}

fn bad(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": why }))).into_response()
}

/// Also if whoever asked for it leaves: what is written down as done must be done.
async fn deed(work: impl Future<Output = Result<Value, StoreError>> + Send + 'static) -> Response {
    ToTheEnd::new(work).await.map_or_else(|_| failed("it broke down, see the log"), done)
}

fn done(done: Result<Value, StoreError>) -> Response {
    done.map_or_else(|error| failed(&error.to_string()), |answer| Json(answer).into_response())
}

fn failed(why: &str) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": why }))).into_response()
}
