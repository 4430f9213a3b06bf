//! Nested cargo calls.

use std::ffi::OsString;
use std::process::Command;

/// Variables that cargo sets for the program it runs. Build scripts of dependencies, such as that of `ring`, are run
/// again when one of them changes.
const PREFIXES: [&str; 3] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_EXE_"];
const NAMES: [&str; 4] =
    ["CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR"];

/// Cargo itself, without the variables that cargo has set for this program: the build does not depend on the caller.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO"));
    for name in run_variables(std::env::vars_os().map(|(name, _)| name)) {
        command.env_remove(name);
    }
    command
}

/// Names among `names` that cargo sets for a run.
pub(crate) fn run_variables(names: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    names.filter(|name| {
        let text = name.to_string_lossy();
        NAMES.contains(&text.as_ref()) || PREFIXES.iter().any(|prefix| text.starts_with(prefix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_what_cargo_sets_for_a_run() {
        let names = ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PRIMARY_PACKAGE"];
        let kept = ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_TERM_COLOR", "CARGO", "PATH"];
        let all = names.iter().chain(&kept).map(OsString::from);
        assert_eq!(run_variables(all).collect::<Vec<_>>(), names);
    }

    #[test]
    fn command_has_no_variable_of_this_run() {
        // Cargo sets it for tests too.
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
        let command = command();
        let removed: Vec<_> =
            command.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        assert!(removed.contains(&"CARGO_PKG_NAME".as_ref()), "{removed:?}");
    }
}
