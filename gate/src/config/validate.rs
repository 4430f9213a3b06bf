//! Checks between keys, without any I/O. All problems are reported at once.

use std::time::Duration;

use http::Uri;
use service_runtime::settings::{Invalid, Problems};
use sovereign_tunnel::is_supported;

use super::{Config, GateSection, SessionRule, StandardName, StandingSourceName, TierSection};

const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// Stock clients give up after 5 s, and the node needs part of that.
const MAX_QUERY_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_CHALLENGE_TTL: Duration = Duration::from_secs(300);
const MAX_COLLECTION_IDS: usize = 1000;

/// Checks used by several sections.
trait Checks {
    fn within(&mut self, key: &'static str, value: Duration, least: Duration, most: Duration);
    fn urls(&mut self, key: &'static str, urls: &[String], schemes: &[&str]);
}

impl GateSection {
    /// URL of the sign-in page.
    pub fn sign_in_url(&self) -> String {
        format!("{}/gate/", self.public_url.trim_end_matches('/'))
    }

    /// Returns a warning if the private address is not a loopback address.
    pub fn exposure_warning(&self) -> Option<String> {
        let address = self.admin_addr;
        (!address.ip().is_loopback()).then(|| {
            format!(
                "gate.admin_addr is {address}, not a loopback address: clients that reach it can end tunnels"
            )
        })
    }
}

impl Checks for Problems {
    fn within(&mut self, key: &'static str, value: Duration, least: Duration, most: Duration) {
        let text = format!(
            "must be between {} and {}",
            humantime::format_duration(least),
            humantime::format_duration(most)
        );
        self.unless((least..=most).contains(&value), key, text);
    }

    fn urls(&mut self, key: &'static str, urls: &[String], schemes: &[&str]) {
        self.unless(!urls.is_empty(), key, "at least one address is needed");
        for url in urls {
            self.unless(
                scheme_of(url).is_some_and(|scheme| schemes.contains(&scheme.as_str())),
                key,
                format!("{} is not an {} address", crate::redact::redact_url(url), schemes.join(" or ")),
            );
        }
    }
}

fn scheme_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    uri.host().filter(|host| !host.is_empty())?;
    uri.scheme_str().map(str::to_owned)
}

impl Config {
    /// Every problem of this configuration.
    pub(super) fn check(&self) -> Vec<Invalid> {
        let mut problems = Problems::default();
        self.check_gate(&mut problems);
        self.check_ethereum(&mut problems);
        self.check_cards(&mut problems);
        self.check_binding(&mut problems);
        self.check_hub_and_limits(&mut problems);
        self.check_registry(&mut problems);
        self.check_bounds_of_holders(&mut problems);
        problems.found()
    }

    fn check_gate(&self, problems: &mut Problems) {
        let gate = &self.gate;
        problems.unless(
            scheme_of(&gate.node_url).as_deref() == Some("http"),
            "gate.node_url",
            "must be http://HOST:PORT (the node answers plain HTTP on its API port too)",
        );
        problems.unless(
            matches!(scheme_of(&gate.public_url).as_deref(), Some("https" | "http")),
            "gate.public_url",
            "must be the https://HOST:PORT under which holders reach this gate",
        );
        problems.unless(
            gate.tls_cert.as_os_str().is_empty() == gate.tls_key.as_os_str().is_empty(),
            "gate.tls_cert",
            "give tls_cert and tls_key together, or neither",
        );
        problems.unless(
            gate.listen_addr != gate.admin_addr || gate.listen_addr.port() == 0,
            "gate.admin_addr",
            "must differ from listen_addr: it must not be reachable for clients",
        );
        problems.unless(gate.max_connections > 0, "gate.max_connections", "must be at least 1");
        problems.unless(
            !gate.network.is_empty()
                && gate.network.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'),
            "gate.network",
            "must be a name of letters, digits, '-' and '_'",
        );
    }

    fn check_ethereum(&self, problems: &mut Problems) {
        let ethereum = &self.ethereum;
        problems.urls("ethereum.rpc_addrs", &ethereum.rpc_addrs, &["http", "https"]);
        if !ethereum.ws_addrs.is_empty() {
            problems.urls("ethereum.ws_addrs", &ethereum.ws_addrs, &["ws", "wss"]);
        }
        problems.within(
            "ethereum.poll_interval",
            ethereum.poll_interval,
            Duration::from_millis(100),
            Duration::from_secs(60),
        );
        problems.unless(
            (1..=ethereum.rpc_addrs.len().max(1)).contains(&ethereum.quorum),
            "ethereum.quorum",
            format!("must be between 1 and the number of rpc_addrs ({})", ethereum.rpc_addrs.len()),
        );
        problems.within("ethereum.timeout", ethereum.timeout, Duration::from_millis(100), MAX_QUERY_TIMEOUT);
    }

    fn check_cards(&self, problems: &mut Problems) {
        problems.within(
            "memes.discovery_interval",
            self.memes.discovery_interval,
            Duration::from_secs(1),
            HOUR * 24,
        );
        problems.unless(
            !self.memes.this_card.0.is_zero(),
            "memes.this_card",
            "the token id of the card that opens the free tier is needed",
        );
        for collection in &self.collections {
            let ids = collection.ids.len();
            problems.unless(
                match collection.standard {
                    StandardName::Erc1155 => (1..=MAX_COLLECTION_IDS).contains(&ids),
                    StandardName::Erc721 => ids == 0,
                },
                "collections.ids",
                format!(
                    "{}: an ERC-1155 needs 1 to {MAX_COLLECTION_IDS} ids, an ERC-721 takes none",
                    collection.contract
                ),
            );
        }
        let use_cases = &self.delegation.use_cases;
        problems.unless(
            use_cases.len() <= 8 && !use_cases.iter().any(|case| [998, 999].contains(case)),
            "delegation.use_cases",
            "at most 8, and neither 998 nor 999 (sub-delegation and consolidation are no delegations)",
        );
        problems.unless(self.delegation.rights.len() <= 8, "delegation.rights", "at most 8");
        let governance = &self.governance;
        problems.unless(
            governance.access_policy.is_zero() || !governance.parameters.is_zero(),
            "governance.parameters",
            "the ParameterRegistry is needed where an AccessPolicy is given",
        );
        problems.within("cache.positive_ttl", self.cache.positive_ttl, Duration::from_secs(1), HOUR);
        problems.within(
            "cache.negative_ttl",
            self.cache.negative_ttl,
            Duration::from_millis(100),
            self.cache.positive_ttl.max(Duration::from_millis(100)),
        );
    }

    fn check_binding(&self, problems: &mut Problems) {
        let binding = &self.binding;
        problems.within("binding.ttl", binding.ttl, HOUR, WEEK);
        problems.within(
            "binding.challenge_ttl",
            binding.challenge_ttl,
            Duration::from_secs(10),
            MAX_CHALLENGE_TTL,
        );
        problems.unless(binding.max_accounts > 0, "binding.max_accounts", "must be at least 1");
        let no_relays = binding.relays.is_empty() && binding.accepted_domains.is_empty();
        problems.unless(
            no_relays,
            "binding.relays",
            "relays and accepted_domains are not supported by this version, leave them empty",
        );
    }

    fn check_hub_and_limits(&self, problems: &mut Problems) {
        if let Err(error) = self.hub.client().endpoints() {
            problems.unless(false, "hub.grpc_addrs", error.to_string());
        }
        problems.within("hub.timeout", self.hub.timeout, Duration::from_millis(100), MAX_QUERY_TIMEOUT);
        check_devices(problems, ["policy.free", "policy.free.plan_devices"], &self.policy.free);
        check_devices(problems, ["policy.paid", "policy.paid.plan_devices"], &self.policy.paid);
        problems.unless(
            self.tunnel.service().is_ok_and(|service| service.is_none_or(is_supported)),
            "tunnel.service",
            "must be auto, wireguard, v2ray, openvpn, amneziawg or xray",
        );
        self.check_tunnel(problems);
        let retention = &self.retention;
        problems.within("retention.sessions", retention.sessions, HOUR, YEAR);
        problems.within("retention.audit", retention.audit, HOUR * 24, YEAR * 5);
        let limits = &self.limits;
        problems.unless(
            limits.per_ip_per_second > 0 && limits.burst > 0,
            "limits.per_ip_per_second",
            "rate and burst must be at least 1",
        );
        problems.unless(
            (1024..=1024 * 1024).contains(&limits.body_bytes),
            "limits.body_bytes",
            "must be between 1024 and 1048576",
        );
        problems.unless(
            (8 * 1024..=1024 * 1024).contains(&limits.header_bytes),
            "limits.header_bytes",
            "must be between 8192 and 1048576",
        );
        problems.unless(
            service_runtime::logs::is_level(&self.log.level),
            "log.level",
            "must be error, warn, info, debug, trace, or a filter like \"info,sovereign_gate=debug\"",
        );
    }

    fn check_registry(&self, problems: &mut Problems) {
        let registry = &self.registry;
        if !registry.rpc_addrs.is_empty() {
            problems.urls("registry.rpc_addrs", &registry.rpc_addrs, &["http", "https"]);
        }
        problems.unless(
            (1..=registry.rpc_addrs.len().max(1)).contains(&registry.quorum),
            "registry.quorum",
            format!("must be between 1 and the number of rpc_addrs ({})", registry.rpc_addrs.len()),
        );
        problems.unless(registry.min_score <= 1000, "registry.min_score", "must be between 0 and 1000");
        problems.within("registry.interval", registry.interval, Duration::from_secs(1), HOUR);
        problems.within("registry.max_age", registry.max_age, registry.interval, HOUR * 24);
        let known = registry.source == StandingSourceName::Hub || !registry.contract.is_zero();
        problems.unless(
            known || !self.policy.require_standing,
            "registry.contract",
            "the NodeRegistry, or source = \"hub\", is needed where policy.require_standing is on",
        );
    }

    fn check_bounds_of_holders(&self, problems: &mut Problems) {
        let policy = &self.policy;
        problems.unless(policy.slot_allowance <= 250, "policy.slot_allowance", "must be between 0 and 250");
        problems.unless(policy.admissions_per_hour > 0, "policy.admissions_per_hour", "must be 1 or more");
        problems.within("policy.unverified_grace", policy.unverified_grace, Duration::ZERO, HOUR);
    }

    fn check_tunnel(&self, problems: &mut Problems) {
        let tunnel = &self.tunnel;
        problems.unless(
            tunnel.interface.starts_with('/') || is_interface(&tunnel.interface),
            "tunnel.interface",
            "must be auto, the name of an interface, or the absolute path of a socket",
        );
        problems.unless(
            tunnel.api_addr().is_ok(),
            "tunnel.api_addr",
            "must be auto, or HOST:PORT with an IP address",
        );
        problems.unless(tunnel.node_home.is_absolute(), "tunnel.node_home", "must be an absolute path");
        problems.unless(
            tunnel.namespace.as_os_str().is_empty() || tunnel.namespace.is_absolute(),
            "tunnel.namespace",
            "must be empty or an absolute path",
        );
    }
}

fn check_devices(problems: &mut Problems, [key, plans_key]: [&'static str; 2], tier: &TierSection) {
    problems.unless(tier.devices > 0, key, "devices must be at least 1");
    for (plan, devices) in tier.plan_devices.iter() {
        problems.unless(devices > 0, plans_key, format!("plan {plan}: must be at least 1"));
        problems.unless(
            tier.sessions.contains(&SessionRule::Plan(plan)),
            plans_key,
            format!(
                "plan {plan}: {key}.sessions does not accept \"plan:{plan}\", so its figure would never count"
            ),
        );
    }
}

/// Whether the kernel accepts `name` as an interface name.
fn is_interface(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && !matches!(name, "." | "..")
        && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b':')
}
