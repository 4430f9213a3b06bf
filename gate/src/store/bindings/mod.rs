//! Bindings of wallets to accounts, and the used nonces of their challenges.

pub(in crate::store) mod binding;
pub(in crate::store) mod index;
pub(in crate::store) mod nonces;
mod slab;
mod slot;
pub(in crate::store) mod sql;

use sentinel_proto::address::AccountAddress;

use self::binding::{Binding, BindingKey, BindingProof, Redemption};
use self::nonces::{Nonce, NonceState};
use super::database::{Database, lock};
use super::error::StoreError;
use super::secret::{BearerToken, NonceKey};
use super::write_request::WriteRequest;

/// Repository of bindings and used nonces.
#[derive(Debug, Clone, Copy)]
pub struct BindingRepository<'a> {
    database: &'a Database,
}

impl<'a> BindingRepository<'a> {
    pub(super) fn new(database: &'a Database) -> Self {
        Self { database }
    }

    /// Key under which challenges are issued.
    pub fn nonce_key(self) -> NonceKey {
        lock(&self.database.memory.nonce_key).clone()
    }

    /// Whether a nonce can still be redeemed: an early check; [`Self::redeem`] decides.
    pub fn nonce_state(self, nonce: &Nonce) -> NonceState {
        lock(&self.database.memory.nonces).state(nonce)
    }

    /// Marks the nonce as used and writes the binding, both or none. Returns it with the bearer's token.
    pub async fn redeem(self, new: Redemption) -> Result<(Binding, String), StoreError> {
        let secret = BearerToken::secret();
        let (token, new) = (BearerToken::hash(&secret), Box::new(new));
        let binding = self.database.write(|reply| WriteRequest::Redeem { new, token, reply }).await?;
        Ok((binding, self.database.token_key.seal(binding.id, secret)))
    }

    /// The bindings of an account, expired ones too, in the order in which to try them (see
    /// [`MAX_PER_ACCOUNT`](super::MAX_PER_ACCOUNT) for how many there can be).
    pub fn of_account(self, account: &AccountAddress) -> Vec<Binding> {
        lock(&self.database.memory.view).of_account(account, self.database.clock.unix())
    }

    /// Notes that a handshake was admitted through this binding: in memory immediately, on the disk later.
    pub fn touch(self, key: &BindingKey) {
        lock(&self.database.memory.view).touch(key, self.database.clock.unix());
    }

    /// Notes that a handshake was not admitted through this binding for a reason of its own: no card, or no free
    /// device. An unavailable Ethereum is no such reason. The binding is tried after the others from then on.
    pub fn mark_refused(self, key: &BindingKey) {
        lock(&self.database.memory.view).refuse(key, self.database.clock.unix());
    }

    /// Number of bindings in memory.
    pub fn count(self) -> usize {
        lock(&self.database.memory.view).len()
    }

    /// The binding of a bearer, unless it was replaced or ended.
    pub async fn by_token(self, token: &str) -> Result<Option<Binding>, StoreError> {
        let Some(token) = self.database.token_key.open(token) else { return Ok(None) };
        let id = token.id();
        let found = self.database.readers.read(move |connection| sql::token(connection, id)).await?;
        let Some((key, hash)) = found else { return Ok(None) };
        let binding = lock(&self.database.memory.view).get(&key);
        Ok(binding.filter(|binding| binding.id == token.id() && token.matches(&hash)))
    }

    /// The signed text of a binding, which proves it to another gate.
    pub async fn proof(self, binding: &Binding) -> Result<Option<BindingProof>, StoreError> {
        let id = binding.id;
        self.database.readers.read(move |connection| sql::proof(connection, id)).await
    }

    /// Ends a binding. A newer one of the same wallet and account stays.
    pub async fn delete(self, binding: &Binding) -> Result<(), StoreError> {
        let (key, id) = (binding.key(), binding.id);
        self.database.write(|reply| WriteRequest::Forget { key, id, reply }).await
    }
}
