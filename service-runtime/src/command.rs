//! Conventions of every program's command line.

use std::path::PathBuf;

use serde_json::json;

/// The environment names no home directory of the user, so that there is no default.
#[derive(Debug, thiserror::Error)]
#[error("no home directory: give --home")]
pub struct NoHomeError;

/// Returns `given`, or the directory `default` in the user's home directory.
pub fn resolve_home(given: Option<PathBuf>, default: &str) -> Result<PathBuf, NoHomeError> {
    given.or_else(|| Some(std::env::home_dir()?.join(default))).ok_or(NoHomeError)
}

/// Returns the output of a `version` command.
pub fn version_text(program: &str, version: &str, json: bool) -> String {
    if json {
        json!({ "name": program, "version": version }).to_string()
    } else {
        format!("{program} {version}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_home_overrides_the_default() {
        let given = PathBuf::from("/srv/x");
        assert_eq!(resolve_home(Some(given.clone()), ".x").unwrap(), given);
        assert!(resolve_home(None, ".x").unwrap().ends_with(".x"));
    }

    #[test]
    fn prints_version_as_text_or_json() {
        assert_eq!(version_text("x", "1.2.3", false), "x 1.2.3");
        assert_eq!(version_text("x", "1.2.3", true), r#"{"name":"x","version":"1.2.3"}"#);
    }
}
