//! Operator actions on the private address; the audit log records each with its reason.
//!
//! Every action requires a JSON object, which a browser page cannot send to another origin without a preflight request.

use alloy::primitives::Address;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use service_runtime::object::Object;

use super::admin::AdminApi;
use super::reload::ReloadOutcome;
use crate::enforce::Target;
use crate::run_to_completion::RunToCompletion;
use crate::store::clock::rfc3339;
use crate::store::{AuditEntry, StoreError, WalletExport};

/// Maximum number of audit entries in an answer.
const MAX_AUDIT_ENTRIES: u32 = 1000;

/// Body of an action: its reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonBody {
    reason: String,
}

/// Body of `POST /sessions/drop`: target and reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DropRequest {
    target: String,
    reason: String,
}

pub(super) fn routes() -> Router<AdminApi> {
    Router::new()
        .route("/sessions/drop", post(drop_sessions))
        .route("/pause", get(pause_state).post(pause))
        .route("/resume", post(resume))
        .route("/lockdown", post(lock_down))
        .route("/reload", post(reload))
        .route("/audit", get(audit))
        .route("/holder/{wallet}", get(export))
        .route("/holder/{wallet}/erase", post(erase))
}

async fn drop_sessions(State(admin): State<AdminApi>, Object(drop): Object<DropRequest>) -> Response {
    let target: Target = match drop.target.parse() {
        Ok(target) => target,
        Err(error) => return bad_request(&format!("{}: {error}", drop.target)),
    };
    run_action(async move {
        let dropped = admin.enforcer.operator_actions().drop_sessions(target, &drop.reason).await?;
        Ok(json!({ "dropped": dropped }))
    })
    .await
}

async fn pause_state(State(admin): State<AdminApi>) -> Response {
    let pause = admin.store.pauses().current();
    let told = pause.map(|pause| json!({ "since": rfc3339(pause.since), "reason": pause.reason }));
    Json(json!({ "paused": told })).into_response()
}

async fn pause(State(admin): State<AdminApi>, Object(why): Object<ReasonBody>) -> Response {
    set_paused(admin, true, why).await
}

async fn resume(State(admin): State<AdminApi>, Object(why): Object<ReasonBody>) -> Response {
    set_paused(admin, false, why).await
}

async fn set_paused(admin: AdminApi, paused: bool, why: ReasonBody) -> Response {
    run_action(async move {
        admin.enforcer.operator_actions().pause(paused, &why.reason).await?;
        Ok(json!({ "paused": paused }))
    })
    .await
}

async fn lock_down(State(admin): State<AdminApi>, Object(why): Object<ReasonBody>) -> Response {
    run_action(async move {
        let dropped = admin.enforcer.operator_actions().lock_down(&why.reason).await?;
        Ok(json!({ "paused": true, "dropped": dropped }))
    })
    .await
}

/// The only action without a body: it only applies the file.
async fn reload(State(admin): State<AdminApi>) -> Response {
    match admin.reload.reload() {
        Ok(ReloadOutcome { applied: taken, needs_restart }) => {
            let written = admin.store.audit().append("reload", "configuration", &taken.join(", ")).await;
            action_response(
                written.map(|()| json!({ "reloaded": true, "taken": taken, "needs_restart": needs_restart })),
            )
        }
        Err(error) => bad_request(&error.to_string()),
    }
}

async fn audit(State(admin): State<AdminApi>) -> Response {
    let log = admin.store.audit().entries(MAX_AUDIT_ENTRIES).await;
    action_response(log.map(|log| json!({ "audit": log.iter().map(audit_json).collect::<Vec<_>>() })))
}

async fn export(State(admin): State<AdminApi>, Path(wallet): Path<String>) -> Response {
    let Some(wallet) = parse_wallet(&wallet) else { return bad_request("not a wallet") };
    action_response(admin.store.wallet_data().export(wallet).await.map(|kept| holder_json(wallet, &kept)))
}

async fn erase(
    State(admin): State<AdminApi>,
    Path(wallet): Path<String>,
    Object(why): Object<ReasonBody>,
) -> Response {
    let Some(wallet) = parse_wallet(&wallet) else { return bad_request("not a wallet") };
    run_action(async move {
        let dropped = admin.enforcer.operator_actions().erase(wallet, &why.reason).await?;
        Ok(json!({ "erased": true, "dropped": dropped }))
    })
    .await
}

fn parse_wallet(wallet: &str) -> Option<Address> {
    wallet.parse().ok()
}

fn audit_json(entry: &AuditEntry) -> Value {
    json!({
        "at": rfc3339(entry.at), "action": entry.action, "subject": entry.subject, "reason": entry.reason,
    })
}

fn holder_json(wallet: Address, kept: &WalletExport) -> Value {
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
        "audit": kept.audit.iter().map(audit_json).collect::<Vec<_>>(),
    })
}

fn bad_request(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": why }))).into_response()
}

/// Runs an action to completion, even if the client disconnects: an action in the audit log must be done.
async fn run_action(work: impl Future<Output = Result<Value, StoreError>> + Send + 'static) -> Response {
    RunToCompletion::new(work)
        .await
        .map_or_else(|_| server_error("the action failed, see the log"), action_response)
}

fn action_response(done: Result<Value, StoreError>) -> Response {
    done.map_or_else(|error| server_error(&error.to_string()), |answer| Json(answer).into_response())
}

fn server_error(why: &str) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": why }))).into_response()
}
