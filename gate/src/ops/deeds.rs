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
use sovereign_program::object::Object;

use super::admin::Admin;
use super::reload::Reloaded;
use crate::enforce::Target;
use crate::store::clock::rfc3339;
use crate::store::{AuditEntry, Kept, StoreError};

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
    done(
        admin.enforcer.drop_sessions(target, &drop.reason).await.map(|dropped| json!({ "dropped": dropped })),
    )
}

async fn paused(State(admin): State<Admin>) -> Response {
    let pause = admin.store.paused();
    let told = pause.map(|pause| json!({ "since": rfc3339(pause.since), "reason": pause.reason }));
    Json(json!({ "paused": told })).into_response()
}

async fn pause(State(admin): State<Admin>, Object(why): Object<Reason>) -> Response {
    done(admin.enforcer.pause(true, &why.reason).await.map(|()| json!({ "paused": true })))
}

async fn resume(State(admin): State<Admin>, Object(why): Object<Reason>) -> Response {
    done(admin.enforcer.pause(false, &why.reason).await.map(|()| json!({ "paused": false })))
}

async fn lock_down(State(admin): State<Admin>, Object(why): Object<Reason>) -> Response {
    let dropped = admin.enforcer.lock_down(&why.reason).await;
    done(dropped.map(|dropped| json!({ "paused": true, "dropped": dropped })))
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
    done(
        admin
            .enforcer
            .erase(wallet, &why.reason)
            .await
            .map(|dropped| json!({ "erased": true, "dropped": dropped })),
    )
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

fn done(done: Result<Value, StoreError>) -> Response {
    match done {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": error.to_string() }))).into_response()
        }
    }
}
