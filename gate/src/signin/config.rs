//! What a sign-in at this gate says and how long it holds.

use std::time::Duration;

use http::uri::Authority;

use super::message::MessageTemplate;
use crate::access::Tier;
use crate::config::{PlanDevices, PolicySection, TierSection};
use crate::store::clock::UnixTime;

/// Settings of the sign-in, from the configuration's `[gate]`, `[ethereum]` and `[binding]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInConfig {
    /// Where the sign-in page is: `https://gate.example:8585/`.
    pub public_url: String,
    /// The domain that the wallet shows and checks against the page. None: host and port of `public_url`.
    pub domain: Option<String>,
    /// Name of the Sentinel network.
    pub network: String,
    /// The Ethereum chain of the cards.
    pub chain_id: u64,
    /// How long a binding holds: 1 hour to 7 days.
    pub ttl: Duration,
    /// How long a challenge can be redeemed.
    pub challenge_ttl: Duration,
    /// How many accounts a wallet may bind at a time.
    pub max_accounts: usize,
    /// How many devices a holder of a tier may have at a time.
    pub devices: DeviceLimits,
    /// How often a wallet may ask or sign in.
    pub rate: RateLimit,
}

/// How many devices each tier gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceLimits {
    /// The free tier.
    pub free: TierDevices,
    /// The paid tier.
    pub paid: TierDevices,
}

/// How many devices a tier gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierDevices {
    /// With any session.
    pub limit: u32,
    /// With sessions of these plans.
    pub plans: PlanDevices,
}

impl DeviceLimits {
    /// None for those who get nothing.
    pub(super) fn of(&self, tier: Tier) -> Option<&TierDevices> {
        match tier {
            Tier::Free => Some(&self.free),
            Tier::Paid => Some(&self.paid),
            Tier::Denied => None,
        }
    }
}

impl From<&PolicySection> for DeviceLimits {
    fn from(policy: &PolicySection) -> Self {
        let of = |tier: &TierSection| TierDevices { limit: tier.devices, plans: tier.plan_devices.clone() };
        Self { free: of(&policy.free), paid: of(&policy.paid) }
    }
}

/// So many at once, and so many a minute in the long run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// At once.
    pub burst: u32,
    /// A minute.
    pub per_minute: u32,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { burst: 200, per_minute: 120 }
    }
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}")]
pub struct SignInConfigError {
    /// The key in the configuration.
    pub key: &'static str,
    /// What is wrong.
    pub why: &'static str,
}

const HOUR: u64 = 3600;
const WEEK: u64 = 7 * 24 * HOUR;

impl SignInConfig {
    /// Checks everything and prepares the fixed parts of the message.
    pub(super) fn terms(&self) -> Result<MessageTemplate, SignInConfigError> {
        let bad = |key, why| SignInConfigError { key, why };
        let uri: http::Uri = self.public_url.parse().map_err(|_| bad("gate.public_url", "not a URL"))?;
        if !matches!(uri.scheme_str(), Some("https" | "http")) {
            return Err(bad("gate.public_url", "must begin with https:// or http://"));
        }
        let host = uri.authority().ok_or(bad("gate.public_url", "has no host"))?.as_str();
        let domain = self.domain.as_deref().unwrap_or(host);
        if !is_domain(domain) {
            return Err(bad(
                "binding.domain",
                "must be a lower-case host, with a port if it is not the usual one",
            ));
        }
        let name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if self.network.is_empty() || self.network.len() > 64 || !self.network.bytes().all(name) {
            return Err(bad("gate.network", "must be 1 to 64 letters, digits, '-', '.', '_'"));
        }
        if !(HOUR..=WEEK).contains(&self.ttl.as_secs()) {
            return Err(bad("binding.ttl", "must be between 1h and 7d"));
        }
        let challenge = self.challenge_ttl.as_secs();
        if !(1..=HOUR).contains(&challenge) || challenge > self.ttl.as_secs() {
            return Err(bad("binding.challenge_ttl", "must be between 1s and 1h"));
        }
        if self.max_accounts == 0 {
            return Err(bad("binding.max_accounts", "must be at least 1"));
        }
        let seconds = |duration: Duration| UnixTime::try_from(duration.as_secs()).unwrap_or(0);
        Ok(MessageTemplate {
            domain: domain.parse().map_err(|_| bad("binding.domain", "not a domain"))?,
            uri: self.public_url.clone(),
            network: self.network.clone(),
            chain_id: self.chain_id,
            ttl: seconds(self.ttl),
            challenge_ttl: seconds(self.challenge_ttl),
        })
    }
}

/// A host with or without a port: no user, nothing that a browser would show in another way.
fn is_domain(text: &str) -> bool {
    let byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte);
    text.bytes().all(byte)
        && text
            .parse::<Authority>()
            .is_ok_and(|authority| !authority.host().is_empty() && !text.ends_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> SignInConfig {
        SignInConfig {
            public_url: "https://gate.example:8585/".into(),
            domain: None,
            network: "sentinel".into(),
            chain_id: 1,
            ttl: Duration::from_secs(24 * HOUR),
            challenge_ttl: Duration::from_secs(300),
            max_accounts: 6,
            devices: DeviceLimits::from(&PolicySection::default()),
            rate: RateLimit::default(),
        }
    }

    #[test]
    fn the_domain_is_the_pages_own_unless_given() {
        assert_eq!(good().terms().unwrap().domain.as_str(), "gate.example:8585");
        let given = SignInConfig { domain: Some("sign.example".into()), ..good() };
        assert_eq!(given.terms().unwrap().domain.as_str(), "sign.example");
        let ip = SignInConfig { public_url: "http://[::1]:8585/".into(), ..good() };
        assert_eq!(ip.terms().unwrap().domain.as_str(), "[::1]:8585");
    }

    #[test]
    fn what_cannot_be_names_its_key() {
        type Change = fn(&mut SignInConfig);
        let cases: [(&str, Change); 14] = [
            ("gate.public_url", |c| c.public_url = "gate.example".into()),
            ("gate.public_url", |c| c.public_url = "ftp://gate.example/".into()),
            ("gate.public_url", |c| c.public_url = String::new()),
            ("binding.domain", |c| c.domain = Some("user@gate.example".into())),
            ("binding.domain", |c| c.domain = Some("Gate.example".into())),
            ("binding.domain", |c| c.domain = Some("gate.example/x".into())),
            ("binding.domain", |c| c.domain = Some(String::new())),
            ("gate.network", |c| c.network = "a b".into()),
            ("gate.network", |c| c.network = String::new()),
            ("binding.ttl", |c| c.ttl = Duration::from_secs(HOUR - 1)),
            ("binding.ttl", |c| c.ttl = Duration::from_secs(WEEK + 1)),
            ("binding.challenge_ttl", |c| c.challenge_ttl = Duration::ZERO),
            ("binding.challenge_ttl", |c| c.challenge_ttl = Duration::from_secs(2 * HOUR)),
            ("binding.max_accounts", |c| c.max_accounts = 0),
        ];
        for (key, change) in cases {
            let mut config = good();
            change(&mut config);
            assert_eq!(config.terms().unwrap_err().key, key);
        }
    }
}
