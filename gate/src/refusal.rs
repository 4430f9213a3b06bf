//! Refusals of the gate: one enum, so that status, code, message and metric label of a refusal stay consistent.
//! Codes and statuses are an interface (`docs/handshake.md`). Codes below 10 belong to the node; codes of the gate
//! start at 100.

use std::time::Duration;

use http::StatusCode;

/// A refusal. Stock clients show its message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 101: the body or a parameter is malformed.
    #[error("malformed request: {0}")]
    Malformed(String),
    /// 102: the handshake's signature or public key is wrong.
    #[error("handshake not signed by its key: {0}")]
    BadHandshakeSignature(String),
    /// 103: the account has no binding.
    #[error("no Memes sign-in for {account}: sign in once at {sign_in} with the wallet that holds your card")]
    Unbound {
        /// The account of the handshake.
        account: String,
        /// URL of the sign-in page.
        sign_in: String,
    },
    /// 104: every binding of the account has expired.
    #[error("the Memes sign-in for {account} has expired: sign in again at {sign_in}")]
    BindingExpired {
        /// The account of the handshake.
        account: String,
        /// URL of the sign-in page.
        sign_in: String,
    },
    /// 105: neither the wallet nor a vault of it holds a card.
    #[error(
        "wallet {wallet} holds no qualifying card: hold one of The Memes by 6529, or let the vault that \
         holds one delegate to this wallet and name it at sign-in"
    )]
    NoCard {
        /// The wallet, shortened.
        wallet: String,
    },
    /// 106: the tier may not use this kind of session.
    #[error("a {session} session is not for the {tier} tier here; use {allowed}")]
    SessionKind {
        /// Kind of the session in the handshake.
        session: String,
        /// Tier of the holder.
        tier: &'static str,
        /// Session kinds that the tier may use.
        allowed: String,
    },
    /// 107: the devices of the holder are all in use.
    #[error("all {limit} devices of this card's holder are in use: {free_one}")]
    DeviceLimit {
        /// Maximum number of devices.
        limit: usize,
        /// What to do, naming sessions of the asking account only.
        free_one: String,
    },
    /// 107: ended or evicted sessions still occupy slots of the node.
    #[error(
        "sessions of this card's holder still hold {limit} slots of this node: {free_one}; the node frees a slot \
         some minutes after its session has ended"
    )]
    SlotLimit {
        /// Maximum number of slots.
        limit: usize,
        /// What to do, naming sessions of the asking account only.
        free_one: String,
    },
    /// 108: the tunnel key belongs to another live session.
    #[error("this tunnel key is in use by another session: connect with a new key")]
    KeyInUse,
    /// 109: the operator denies the wallet or the account.
    #[error("denied by the operator of this node")]
    Denied,
    /// 110: admissions are paused.
    #[error("no new sessions here for now: this gate is paused, try again later")]
    Paused,
    /// 111: Ethereum is unavailable.
    #[error("Ethereum cannot be asked for your card right now: try again in a minute")]
    EthereumUnavailable,
    /// 111: some bindings of the account were not checked in time.
    #[error(
        "only {checked} of the {all} sign-ins for this account could be checked in time, and none of those allows \
         this session: try again in a minute, or sign in again with the wallet that you use and name its vault"
    )]
    Unfinished {
        /// Number of checked bindings.
        checked: usize,
        /// Number of bindings of the account.
        all: usize,
    },
    /// 112: the hub is unavailable.
    #[error("the Sentinel Hub cannot be asked for your session right now: try again in a minute")]
    HubUnavailable,
    /// 113: too many requests.
    #[error("too many requests: try again in {} s", whole_seconds(*retry_after))]
    TooMany {
        /// Delay until the next attempt.
        retry_after: Duration,
    },
    /// 113: the holder reached the maximum of new sessions per hour.
    #[error(
        "this card's holder has opened {limit} sessions here within an hour: try again in {} s",
        whole_seconds(*retry_after)
    )]
    TooManyAdmissions {
        /// Maximum number of new sessions per hour.
        limit: usize,
        /// Delay until the next attempt.
        retry_after: Duration,
    },
    /// 114: the node is unavailable.
    #[error("the node behind this gate does not answer: try again in a minute")]
    NodeUnavailable,
    /// 115: the node is not in good standing.
    #[error("this node is not in good standing: choose another node")]
    NotInGoodStanding,
    /// 116: the request is too large.
    #[error("request too large: at most {limit} bytes")]
    TooLarge {
        /// Maximum size in bytes.
        limit: usize,
    },
    /// 117: the request did not arrive in time.
    #[error("the request took too long to arrive")]
    TooSlow,
    /// 118: the path below `/gate/` does not exist.
    #[error("no such path under /gate/")]
    NoSuchPath,
    /// 119: the wallet is bound to the maximum number of accounts.
    #[error(
        "this wallet is bound to {limit} accounts already ({accounts}): unbind one of them, or wait until it \
         expires"
    )]
    TooManyAccounts {
        /// Maximum number of accounts.
        limit: usize,
        /// The bound accounts.
        accounts: String,
    },
    /// 119: live sessions rest on every binding that could be displaced.
    #[error(
        "there is no room for another sign-in for {account}: live sessions rest on all of them; unbind a wallet of \
         this account or card, or end one of its sessions"
    )]
    NoRoomForBinding {
        /// The account.
        account: String,
    },
    /// 120: the nonce is unknown, used or expired.
    #[error("nonce {0}: ask for a new challenge")]
    Nonce(&'static str),
    /// 121: the message is not the issued one.
    #[error("not the sign-in message that was issued: {0}")]
    Message(String),
    /// 122: the wallet's signature does not verify.
    #[error("the wallet's signature does not verify: {0}")]
    WalletSignature(String),
    /// 123: a relayed binding is not for this gate.
    #[error("this binding is not acceptable here: {0}")]
    ForeignBinding(String),
    /// 124: the bearer token is missing or no longer valid.
    #[error("bearer token missing or no longer valid: sign in again")]
    Token,
    /// 125: the peer of the session is out of the tunnel and cannot be restored.
    #[error("the tunnel of this session cannot be brought back ({0}): open a new session")]
    TunnelOver(&'static str),
    /// 199: internal error. The response contains the request id, under which the log states the cause.
    #[error("internal error, tell the operator of this node")]
    Internal,
}

impl Refusal {
    /// HTTP status, envelope code and metric label.
    const fn facts(&self) -> (StatusCode, u32, &'static str) {
        use StatusCode as S;
        match self {
            Self::Malformed(_) => (S::BAD_REQUEST, 101, "malformed"),
            Self::BadHandshakeSignature(_) => (S::BAD_REQUEST, 102, "handshake_signature"),
            Self::Unbound { .. } => (S::UNAUTHORIZED, 103, "unbound"),
            Self::BindingExpired { .. } => (S::UNAUTHORIZED, 104, "binding_expired"),
            Self::NoCard { .. } => (S::FORBIDDEN, 105, "no_card"),
            Self::SessionKind { .. } => (S::FORBIDDEN, 106, "session_kind"),
            Self::DeviceLimit { .. } => (S::CONFLICT, 107, "device_limit"),
            Self::SlotLimit { .. } => (S::CONFLICT, 107, "slot_limit"),
            Self::KeyInUse => (S::CONFLICT, 108, "key_in_use"),
            Self::Denied => (S::FORBIDDEN, 109, "denied"),
            Self::Paused => (S::SERVICE_UNAVAILABLE, 110, "paused"),
            Self::EthereumUnavailable => (S::SERVICE_UNAVAILABLE, 111, "ethereum_unavailable"),
            Self::Unfinished { .. } => (S::SERVICE_UNAVAILABLE, 111, "unfinished"),
            Self::HubUnavailable => (S::SERVICE_UNAVAILABLE, 112, "hub_unavailable"),
            Self::TooMany { .. } => (S::TOO_MANY_REQUESTS, 113, "too_many"),
            Self::TooManyAdmissions { .. } => (S::TOO_MANY_REQUESTS, 113, "admission_limit"),
            Self::NodeUnavailable => (S::BAD_GATEWAY, 114, "node_unavailable"),
            Self::NotInGoodStanding => (S::SERVICE_UNAVAILABLE, 115, "standing"),
            Self::TooLarge { .. } => (S::PAYLOAD_TOO_LARGE, 116, "too_large"),
            Self::TooSlow => (S::REQUEST_TIMEOUT, 117, "too_slow"),
            Self::NoSuchPath => (S::NOT_FOUND, 118, "no_such_path"),
            Self::TooManyAccounts { .. } => (S::CONFLICT, 119, "too_many_accounts"),
            Self::NoRoomForBinding { .. } => (S::CONFLICT, 119, "no_room_for_binding"),
            Self::Nonce(_) => (S::UNAUTHORIZED, 120, "nonce"),
            Self::Message(_) => (S::BAD_REQUEST, 121, "message"),
            Self::WalletSignature(_) => (S::UNAUTHORIZED, 122, "wallet_signature"),
            Self::ForeignBinding(_) => (S::UNAUTHORIZED, 123, "foreign_binding"),
            Self::Token => (S::UNAUTHORIZED, 124, "token"),
            Self::TunnelOver(_) => (S::CONFLICT, 125, "tunnel_over"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, 199, "internal"),
        }
    }

    /// HTTP status of the response.
    pub const fn status(&self) -> StatusCode {
        self.facts().0
    }

    /// `code` in the error envelope.
    pub const fn code(&self) -> u32 {
        self.facts().1
    }

    /// Label `reason` of the metrics.
    pub const fn label(&self) -> &'static str {
        self.facts().2
    }

    /// Delay after which the client may retry, if known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooMany { retry_after } | Self::TooManyAdmissions { retry_after, .. } => {
                Some(Duration::from_secs(whole_seconds(*retry_after)))
            }
            _ => None,
        }
    }
}

/// Rounds up to whole seconds, at least one, so that a client that waits them is not too early.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0 || time.is_zero())
}
