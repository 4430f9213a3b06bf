//! Settings of the sign-in.

use std::time::Duration;

use http::uri::Authority;

use super::message::MessageTemplate;
use crate::access::Tier;
use crate::config::{Config, PlanDevices, PolicySection, TierSection};
use crate::store::clock::UnixTime;

/// Settings of the sign-in, from the configuration's `[gate]`, `[ethereum]` and `[binding]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInConfig {
    /// URL of the sign-in page: `https://gate.example:8585/`.
    pub public_url: String,
    /// Domain that the wallet shows and compares with the page; `None`: host and port of `public_url`.
    pub domain: Option<String>,
    /// Name of the Sentinel network.
    pub network: String,
    /// Chain id of the cards' chain.
    pub chain_id: u64,
    /// Lifetime of a binding: 1 hour to 7 days.
    pub ttl: Duration,
    /// Time within which a challenge can be redeemed.
    pub challenge_ttl: Duration,
    /// Maximum accounts that a wallet may bind at a time.
    pub max_accounts: usize,
    /// Maximum concurrent devices of a holder, per tier.
    pub devices: DeviceLimits,
    /// Rate limit of challenges and sign-ins of a wallet.
    pub rate: RateLimit,
}

impl From<&Config> for SignInConfig {
    fn from(config: &Config) -> Self {
        let domain = &config.binding.domain;
        Self {
            public_url: config.gate.sign_in_url(),
            domain: (!domain.is_empty()).then(|| domain.clone()),
            network: config.gate.network.clone(),
            chain_id: config.ethereum.chain_id,
            ttl: config.binding.ttl,
            challenge_ttl: config.binding.challenge_ttl,
            max_accounts: config.binding.max_accounts,
            devices: DeviceLimits::from(&config.policy),
            rate: RateLimit::default(),
        }
    }
}

/// Maximum devices of each tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceLimits {
    /// The free tier.
    pub free: TierDevices,
    /// The paid tier.
    pub paid: TierDevices,
}

/// Maximum devices of one tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierDevices {
    /// Maximum with any session.
    pub limit: u32,
    /// Maximum with sessions of a plan, for plans with a maximum of their own.
    pub plans: PlanDevices,
}

impl DeviceLimits {
    /// Returns the maximum of a tier; `None` for the denied tier.
    pub(super) fn for_tier(&self, tier: Tier) -> Option<&TierDevices> {
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

/// Rate limit as a token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Size of the bucket.
    pub burst: u32,
    /// Tokens added per minute.
    pub per_minute: u32,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { burst: 200, per_minute: 120 }
    }
}

/// An invalid setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}")]
pub struct SignInConfigError {
    /// Key in the configuration.
    pub key: &'static str,
    /// Problem and valid values.
    pub why: &'static str,
}

const HOUR: u64 = 3600;
const WEEK: u64 = 7 * 24 * HOUR;

impl SignInConfig {
    /// Validates the settings and returns the fixed parts of the message.
    pub(super) fn message_template(&self) -> Result<MessageTemplate, SignInConfigError> {
        let invalid = |key, why| SignInConfigError { key, why };
        let uri: http::Uri = self.public_url.parse().map_err(|_| invalid("gate.public_url", "not a URL"))?;
        if !matches!(uri.scheme_str(), Some("https" | "http")) {
            return Err(invalid("gate.public_url", "must begin with https:// or http://"));
        }
        let host = uri.authority().ok_or(invalid("gate.public_url", "has no host"))?.as_str();
        let domain = self.domain.as_deref().unwrap_or(host);
        if !is_domain(domain) {
            return Err(invalid(
                "binding.domain",
                "must be a lower-case host, with a port if it is not the usual one",
            ));
        }
        let name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if self.network.is_empty() || self.network.len() > 64 || !self.network.bytes().all(name) {
            return Err(invalid("gate.network", "must be 1 to 64 letters, digits, '-', '.', '_'"));
        }
        if !(HOUR..=WEEK).contains(&self.ttl.as_secs()) {
            return Err(invalid("binding.ttl", "must be between 1h and 7d"));
        }
        let challenge = self.challenge_ttl.as_secs();
        if !(1..=HOUR).contains(&challenge) || challenge > self.ttl.as_secs() {
            return Err(invalid("binding.challenge_ttl", "must be between 1s and 1h"));
        }
        if self.max_accounts == 0 {
            return Err(invalid("binding.max_accounts", "must be at least 1"));
        }
        let seconds = |duration: Duration| UnixTime::try_from(duration.as_secs()).unwrap_or(0);
        Ok(MessageTemplate {
            domain: domain.parse().map_err(|_| invalid("binding.domain", "not a domain"))?,
            uri: self.public_url.clone(),
            network: self.network.clone(),
            chain_id: self.chain_id,
            ttl: seconds(self.ttl),
            challenge_ttl: seconds(self.challenge_ttl),
        })
    }
}

/// Whether `text` is a host with or without a port: without user, and without anything that a browser would show
/// differently.
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

    fn valid_config() -> SignInConfig {
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
    fn domain_defaults_to_that_of_the_page() {
        assert_eq!(valid_config().message_template().unwrap().domain.as_str(), "gate.example:8585");
        let given = SignInConfig { domain: Some("sign.example".into()), ..valid_config() };
        assert_eq!(given.message_template().unwrap().domain.as_str(), "sign.example");
        let ip = SignInConfig { public_url: "http://[::1]:8585/".into(), ..valid_config() };
        assert_eq!(ip.message_template().unwrap().domain.as_str(), "[::1]:8585");
    }

    #[test]
    fn invalid_setting_names_its_key() {
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
            let mut config = valid_config();
            change(&mut config);
            assert_eq!(config.message_template().unwrap_err().key, key);
        }
    }
}
