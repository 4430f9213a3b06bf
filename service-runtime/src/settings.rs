//! Configuration: `config.toml` in the program's home, overridden by `PREFIX__SECTION__KEY`.
//!
//! Reading and validating use no network.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Name of the file in the home.
pub const FILE: &str = "config.toml";

/// Settings that can be read from a home. The type must reject unknown keys: a misspelt key must not silently become a
/// default.
pub trait Settings: DeserializeOwned {
    /// The program's command.
    const PROGRAM: &'static str;
    /// Prefix of the environment variables that override the file.
    const ENV_PREFIX: &'static str;
    /// Keys that hold a list; their environment override is separated by commas.
    const LIST_KEYS: &'static [&'static str];

    /// Returns every invalid value or combination of keys; performs no I/O.
    fn problems(&self) -> Vec<Invalid>;

    /// Reads `home/config.toml` and the process's environment.
    fn load(home: &Path) -> Result<Self, ConfigError> {
        Self::load_with(home, None)
    }

    /// Like [`Settings::load`], with `environment` in place of the process's own.
    fn load_with(home: &Path, environment: Option<config::Map<String, String>>) -> Result<Self, ConfigError> {
        let path = home.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(reason) => return Err(ConfigError::Unreadable { path, reason, program: Self::PROGRAM }),
        };
        if let Err(reason) = text.parse::<toml::Table>() {
            return Err(ConfigError::malformed(path, unparsed(&text, &reason)));
        }
        let mut overrides = config::Environment::with_prefix(Self::ENV_PREFIX)
            .prefix_separator("__")
            .separator("__")
            .list_separator(",")
            .try_parsing(true)
            .source(environment);
        for key in Self::LIST_KEYS {
            overrides = overrides.with_list_parse_key(key);
        }
        let parsed = config::Config::builder()
            .add_source(config::File::from_str(&text, config::FileFormat::Toml))
            .add_source(overrides)
            .build()
            .and_then(config::Config::try_deserialize::<Self>);
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(reason) => return Err(ConfigError::malformed(path, unfit(&reason))),
        };
        let problems = parsed.problems();
        if problems.is_empty() { Ok(parsed) } else { Err(ConfigError::Invalid { path, problems }) }
    }
}

/// Errors of reading the configuration. Each message contains its whole cause once.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or cannot be read.
    #[error("cannot read {path}: {reason}; `{program} init` writes one")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        reason: std::io::Error,
        /// The program's command.
        program: &'static str,
    },
    /// The file or an override does not parse.
    #[error("{path}: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The problem, with key or position. Never a value: it may contain a credential.
        reason: String,
    },
    /// The values contradict each other or a bound.
    #[error("{path}: {}", joined(.problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Every problem found.
        problems: Vec<Invalid>,
    },
}

impl ConfigError {
    fn malformed(path: PathBuf, reason: String) -> Self {
        Self::Malformed { path, reason }
    }
}

/// Returns the position of a TOML error. The library's message would show the line.
fn unparsed(text: &str, reason: &toml::de::Error) -> String {
    let before = reason.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let (line, column) = (
        before.matches('\n').count() + 1,
        before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1,
    );
    format!("line {line}, column {column}: {}", reason.message())
}

/// Returns the key of the wrong type and the expected type. The library's message would show the value.
fn unfit(reason: &config::ConfigError) -> String {
    match reason {
        config::ConfigError::At { error, key, .. } => match key {
            Some(key) => format!("{} for key `{key}`", unfit(error)),
            None => unfit(error),
        },
        config::ConfigError::Type { expected, key, .. } => {
            let key = key.as_ref().map(|key| format!(" for key `{key}`")).unwrap_or_default();
            format!("invalid type, expected {expected}{key}")
        }
        other => without_value(&other.to_string()),
    }
}

/// Removes the value from serde's message.
fn without_value(told: &str) -> String {
    let what = ["invalid type", "invalid value"].into_iter().find(|what| told.starts_with(what));
    match (what, told.rsplit_once(", expected ")) {
        (Some(what), Some((_, expected))) => format!("{what}, expected {expected}"),
        _ => told.to_owned(),
    }
}

/// One invalid key and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct Invalid {
    /// The key.
    pub key: &'static str,
    /// The problem, and what would be valid.
    pub problem: String,
}

/// Collects problems.
#[derive(Debug, Default)]
pub struct Problems(Vec<Invalid>);

impl Problems {
    /// Adds the problem unless `good`.
    pub fn unless(&mut self, good: bool, key: &'static str, problem: impl Into<String>) {
        if !good {
            self.0.push(Invalid { key, problem: problem.into() });
        }
    }

    /// Returns all problems.
    pub fn found(self) -> Vec<Invalid> {
        self.0
    }
}

fn joined(problems: &[Invalid]) -> String {
    let mut text = String::new();
    for (at, problem) in problems.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}{problem}", if at == 0 { "" } else { "; " });
    }
    text
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Lamp {
        rooms: Vec<String>,
        watts: u32,
    }

    impl Settings for Lamp {
        const PROGRAM: &'static str = "lamp";
        const ENV_PREFIX: &'static str = "LAMP";
        const LIST_KEYS: &'static [&'static str] = &["rooms"];

        fn problems(&self) -> Vec<Invalid> {
            let mut problems = Problems::default();
            problems.unless(self.watts < 100, "watts", "must be below 100");
            problems.unless(!self.rooms.is_empty(), "rooms", "at least one is needed");
            problems.found()
        }
    }

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Lamp, ConfigError> {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(FILE), text).unwrap();
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Lamp::load_with(home.path(), Some(environment))
    }

    #[test]
    fn environment_overrides_file() {
        let lamp = load("rooms = []\nwatts = 5", &[("LAMP__ROOMS", "hall,attic"), ("OTHER", "x")]).unwrap();
        assert_eq!(lamp, Lamp { rooms: vec!["hall".to_owned(), "attic".to_owned()], watts: 5 });
    }

    #[test]
    fn reports_all_problems_and_each_cause_once() {
        let told = load("rooms = []\nwatts = 100", &[]).unwrap_err().to_string();
        assert!(told.ends_with("watts: must be below 100; rooms: at least one is needed"), "{told}");
        let error = load("rooms = []\nwats = 5", &[]).unwrap_err();
        assert!(error.to_string().contains("wats"), "{error}");
        assert!(std::error::Error::source(&error).is_none());
    }

    #[test]
    fn errors_contain_no_values() {
        for (text, told) in [
            ("rooms = \"https://SECRET\"\nwatts = 5", "rooms"),
            ("rooms = []\nwatts = \"SECRET\"", "watts"),
            ("rooms = [\n  \"https://SECRET,\n]\nwatts = 5", "line 2"),
            ("rooms = [\"https://SECRET\" \"b\"]\nwatts = 5", "line 1"),
        ] {
            let error = load(text, &[]).unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("SECRET"), "{error}");
        }
        let error = load("rooms = []\nwatts = 5", &[("LAMP__WATTS", "SECRET")]).unwrap_err().to_string();
        assert!(error.contains("watts") && !error.contains("SECRET"), "{error}");
    }

    #[test]
    fn missing_file_error_names_init_command() {
        let home = tempfile::tempdir().unwrap();
        let told = Lamp::load(home.path()).unwrap_err().to_string();
        assert!(told.contains("config.toml") && told.contains("`lamp init` writes one"), "{told}");
    }
}
