//! Causes of evictions.

/// Cause of an eviction; it determines what restores the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvictionCause {
    /// Neither the wallet nor a vault holds a card any more.
    NoCard,
    /// The tier that is left may not use this kind of session.
    SessionKind,
    /// The right to it ended.
    Expired,
    /// No sign-in of the account is left.
    Unbound,
    /// Its right may have ended on Ethereum, which could not be asked whether it has.
    Unverified,
    /// The operator denies the wallet, its vault or the account.
    Denied,
    /// The holder has the maximum number of devices, and this one was not among those that stay.
    DeviceLimit,
    /// The operator dropped it.
    Dropped,
    /// The operator dropped all sessions.
    Lockdown,
    /// It was cancelled on the hub and leaves it soon.
    Cancelled,
    /// The node has forgotten its peer.
    Lost,
    /// The data of its holder was erased.
    Erased,
}

impl EvictionCause {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::NoCard,
        Self::SessionKind,
        Self::Expired,
        Self::Unbound,
        Self::Unverified,
        Self::Denied,
        Self::DeviceLimit,
        Self::Dropped,
        Self::Lockdown,
        Self::Cancelled,
        Self::Lost,
        Self::Erased,
    ];

    /// Its name in metrics and in the database.
    pub fn label(self) -> &'static str {
        match self {
            Self::NoCard => "no_card",
            Self::SessionKind => "session_kind",
            Self::Expired => "expired",
            Self::Unbound => "unbound",
            Self::Unverified => "unverified",
            Self::Denied => "denied",
            Self::DeviceLimit => "device_limit",
            Self::Dropped => "dropped",
            Self::Lockdown => "lockdown",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::Erased => "erased",
        }
    }

    /// Whether the peer is restored automatically once the holder is entitled again.
    pub fn is_self_restoring(self) -> bool {
        matches!(
            self,
            Self::NoCard
                | Self::SessionKind
                | Self::Expired
                | Self::Unbound
                | Self::Unverified
                | Self::Denied
        )
    }

    /// Whether the same handshake of an entitled holder restores the peer.
    pub fn allows_repeat(self) -> bool {
        self.is_self_restoring() || matches!(self, Self::DeviceLimit | Self::Lockdown)
    }

    /// Reason why no handshake restores the peer, if none does.
    pub fn permanent_reason(self) -> Option<&'static str> {
        match self {
            Self::Lost => Some("the node has forgotten it"),
            Self::Cancelled => Some("the session was cancelled"),
            Self::Dropped | Self::Erased => Some("the operator ended it"),
            _ => None,
        }
    }

    pub(in crate::store) fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.label() == label)
    }
}
