//! Batches of writes: planned against the state in memory, executed in one transaction, applied to the state after the
//! commit.

use std::collections::HashSet;
use std::sync::Arc;

use alloy::primitives::Address;
use rusqlite::Connection;
use sentinel_proto::address::AccountAddress;

use super::audit::sql as audit_sql;
use super::bindings::binding::{Binding, BindingKey, Redemption};
use super::bindings::index::BindingIndex;
use super::bindings::nonces::{Nonce, NonceState, UsedNonces};
use super::bindings::sql as binding_sql;
use super::clock::UnixTime;
use super::database::lock;
use super::error::StoreError;
use super::intents::sql as intent_sql;
use super::pause::{PAUSE_NAME, Pause};
use super::sessions::record::SessionRecord;
use super::sessions::sql as session_sql;
use super::sql;
use super::state::StoreState;
use super::wallet_data::sql as wallet_data_sql;
use super::write_request::{Reply, WriteRequest};

/// Write that is part of the batch: with the binding that a redemption creates, and the bindings that it replaces.
#[derive(Debug)]
pub(super) struct PlannedWrite {
    write: WriteRequest,
    binding: Option<Binding>,
    gone: Vec<Binding>,
}

impl PlannedWrite {
    /// Creates a write that neither creates nor replaces a binding.
    pub(super) fn of(write: WriteRequest) -> Self {
        Self { write, binding: None, gone: Vec::new() }
    }

    pub(super) fn into_write(self) -> WriteRequest {
        self.write
    }

    pub(super) fn write(&self) -> &WriteRequest {
        &self.write
    }
}

/// Plans one transaction. Answers refused writes immediately, and leaves in `writes` those that depend on another
/// write of this batch (same wallet or nonce): the state is right for them only after it.
pub(super) fn plan(
    writes: &mut Vec<WriteRequest>,
    memory: &StoreState,
    now: UnixTime,
    last_id: &mut i64,
) -> Vec<PlannedWrite> {
    let (view, nonces, live) = (lock(&memory.view), lock(&memory.nonces), lock(&memory.live));
    let mut wallets: HashSet<Address> = HashSet::new();
    // The bounds of an account and of a holder are checked against the state, so once in a batch.
    let mut accounts: HashSet<AccountAddress> = HashSet::new();
    let mut holders: HashSet<Address> = HashSet::new();
    let mut taken: HashSet<Nonce> = HashSet::new();
    let mut evicted: HashSet<i64> = HashSet::new();
    let mut steps = Vec::with_capacity(writes.len());
    for write in std::mem::take(writes) {
        let later = match &write {
            WriteRequest::Redeem { new, .. } => {
                let of_holder = new.foreign_holders().unwrap_or_default();
                let is_planned = new.nonce.is_some_and(|nonce| taken.contains(&nonce))
                    || wallets.contains(&new.wallet)
                    || accounts.contains(&new.account)
                    || of_holder.iter().any(|holder| holders.contains(holder));
                if !is_planned {
                    wallets.insert(new.wallet);
                    accounts.insert(new.account);
                    holders.extend(of_holder);
                }
                is_planned
            }
            WriteRequest::Forget { key, .. } => !wallets.insert(key.wallet),
            WriteRequest::Erase { wallet, .. } => !wallets.insert(*wallet),
            _ => false,
        };
        if later {
            writes.push(write);
            continue;
        }
        let WriteRequest::Redeem { new, .. } = &write else {
            steps.push(PlannedWrite::of(write));
            continue;
        };
        if let Err(error) = allowed(new, &view, &nonces, now) {
            write.fail(error);
            continue;
        }
        let key = new.key();
        let before = view.get(&key);
        let is_in_use = |key: &BindingKey| live.rests_on(key);
        let account = new.account;
        let Some(bindings_to_replace) = view.bindings_to_replace(&key, &new.holders, now, is_in_use) else {
            write.fail(StoreError::NoRoomForBinding { account });
            continue;
        };
        taken.extend(new.nonce);
        *last_id += 1;
        let binding = Binding {
            id: *last_id,
            account: new.account,
            wallet: new.wallet,
            vault: new.vault,
            issued_at: new.issued_at,
            expires_at: new.expires_at,
            // The last use survives a new signature, or a crowd of strangers could displace the owner's binding.
            last_used_at: before.as_ref().and_then(|before| before.last_used_at),
            refused_at: None,
        };
        let replaced = before.into_iter().chain(bindings_to_replace);
        let gone = replaced.filter(|binding| evicted.insert(binding.id)).collect();
        steps.push(PlannedWrite { write, binding: Some(binding), gone });
    }
    steps
}

fn allowed(
    new: &Redemption,
    view: &BindingIndex,
    nonces: &UsedNonces,
    now: UnixTime,
) -> Result<(), StoreError> {
    match new.nonce.map(|nonce| nonces.state(&nonce)) {
        Some(NonceState::Used) => return Err(StoreError::NonceUsed),
        Some(NonceState::Forgotten) => return Err(StoreError::NonceForgotten),
        Some(NonceState::Fresh) | None => {}
    }
    let mut bound = view.accounts_of(new.wallet, now);
    bound.retain(|account| *account != new.account);
    if bound.len() >= new.max_accounts {
        return Err(StoreError::TooManyAccounts { bound });
    }
    Ok(())
}

/// Executes all writes in the open transaction.
pub(super) fn execute(
    connection: &Connection,
    steps: &[PlannedWrite],
    now: UnixTime,
) -> Result<(), StoreError> {
    for PlannedWrite { write, binding, gone } in steps {
        for binding in gone {
            binding_sql::delete_binding(connection, binding.id)?;
        }
        match write {
            WriteRequest::Redeem { new, token, .. } => {
                if let Some(nonce) = &new.nonce {
                    binding_sql::use_nonce(connection, nonce)?;
                }
                if let Some(binding) = binding {
                    binding_sql::insert_binding(connection, binding, token, new)?;
                }
            }
            WriteRequest::Forget { id, .. } => binding_sql::delete_binding(connection, *id)?,
            WriteRequest::Record { record, answer, .. } => session_sql::record(connection, record, answer)?,
            WriteRequest::Intend { record, .. } => intent_sql::note(connection, record)?,
            WriteRequest::Settle { session_id, peer_id, .. } => {
                intent_sql::settle(connection, *session_id, peer_id)?;
            }
            WriteRequest::Update { record, .. } => session_sql::update(connection, record)?,
            WriteRequest::Mark { session_id, state, cause, evicted_at, .. } => {
                session_sql::mark(connection, *session_id, *state, *cause, *evicted_at)?;
            }
            WriteRequest::End { session_id, .. } => session_sql::end(connection, *session_id, now)?,
            WriteRequest::Meta { name, value, .. } => sql::set_meta(connection, name, value)?,
            WriteRequest::Pause { pause, entry, .. } => {
                let value = pause.as_ref().map(Pause::to_bytes).unwrap_or_default();
                sql::set_meta(connection, PAUSE_NAME, &value)?;
                audit_sql::note(connection, entry)?;
            }
            WriteRequest::Audit { entry, .. } => audit_sql::note(connection, entry)?,
            WriteRequest::Erase { wallet, entry, .. } => {
                wallet_data_sql::erase(connection, *wallet)?;
                audit_sql::note(connection, entry)?;
            }
        }
    }
    Ok(())
}

/// Reply to a caller after the commit.
#[derive(Debug)]
pub(super) enum PendingReply {
    Bound(Reply<Binding>, Result<Binding, StoreError>),
    Done(Reply<()>),
}

impl PendingReply {
    pub(super) fn tell(self) {
        match self {
            Self::Bound(reply, bound) => drop(reply.send(bound)),
            Self::Done(reply) => drop(reply.send(Ok(()))),
        }
    }
}

/// Applies the committed writes to the state in memory. The caller of this function sends the returned replies.
#[must_use]
pub(super) fn apply(steps: impl IntoIterator<Item = PlannedWrite>, memory: &StoreState) -> Vec<PendingReply> {
    let (mut view, mut nonces, mut live) = (lock(&memory.view), lock(&memory.nonces), lock(&memory.live));
    let show = |PlannedWrite { write, binding, gone }| {
        for binding in &gone {
            view.remove(&binding.key(), binding.id);
        }
        let done = match write {
            WriteRequest::Redeem { new, reply, .. } => {
                let Some(binding) = binding else {
                    return PendingReply::Bound(reply, Err(StoreError::Closed));
                };
                if let Some(nonce) = &new.nonce {
                    nonces.insert(nonce);
                }
                view.put(&binding, &new.holders);
                return PendingReply::Bound(reply, Ok(binding));
            }
            WriteRequest::Forget { key, id, reply } => {
                view.remove(&key, id);
                reply
            }
            WriteRequest::Record { record, reply, .. } => {
                live.admit(record);
                reply
            }
            WriteRequest::Update { record, reply } => {
                if live.get(record.session_id).is_some() {
                    live.put(record);
                }
                reply
            }
            WriteRequest::Mark { session_id, state, cause, evicted_at, reply } => {
                if let Some(old) = live.get(session_id) {
                    live.put(Arc::new(SessionRecord { state, cause, evicted_at, ..(*old).clone() }));
                }
                reply
            }
            WriteRequest::End { session_id, reply } => {
                live.remove(session_id);
                reply
            }
            WriteRequest::Pause { pause, reply, .. } => {
                *lock(&memory.pause) = pause;
                reply
            }
            WriteRequest::Erase { wallet, reply, .. } => {
                view.erase(wallet);
                live.erase(wallet);
                reply
            }
            WriteRequest::Intend { reply, .. }
            | WriteRequest::Settle { reply, .. }
            | WriteRequest::Meta { reply, .. }
            | WriteRequest::Audit { reply, .. } => reply,
        };
        PendingReply::Done(done)
    };
    steps.into_iter().map(show).collect()
}

/// Answers every caller with the error.
pub(super) fn fail(steps: impl IntoIterator<Item = PlannedWrite>, error: &StoreError) {
    for step in steps {
        // All nonces are in memory; one that only the database has was written by a transaction whose commit was
        // reported as failed.
        let error = match (&step.write, error) {
            (WriteRequest::Redeem { .. }, StoreError::Duplicate) => StoreError::NonceUsed,
            _ => error.clone(),
        };
        step.write.fail(error);
    }
}
