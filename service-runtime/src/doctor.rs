//! Report of a `doctor` command: one line per check.

use std::process::ExitCode;

use serde::Serialize;

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// In order.
    Good,
    /// Works now, but needs the operator's attention.
    Warning,
    /// Does not work, or is dangerous.
    Bad,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Name of the checked item.
    pub name: String,
    /// Result.
    pub verdict: Verdict,
    /// Finding, and what to do.
    pub found: String,
}

impl Check {
    /// Creates a check.
    pub fn new(verdict: Verdict, name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), verdict, found: found.into() }
    }
}

/// Formats the checks as text or as JSON.
pub fn report(checks: &[Check], json: bool) -> serde_json::Result<String> {
    if json {
        return serde_json::to_string_pretty(checks);
    }
    let width = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or_default();
    let line = |check: &Check| {
        let mark = match check.verdict {
            Verdict::Good => "ok",
            Verdict::Warning => "warn",
            Verdict::Bad => "BAD",
        };
        format!("{mark:<5}{:<width$} {}", check.name, check.found)
    };
    Ok(checks.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// Returns the exit code: success unless a check is bad.
pub fn code(checks: &[Check]) -> ExitCode {
    let bad = checks.iter().any(|check| check.verdict == Verdict::Bad);
    if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_one_line_per_check_in_columns() {
        let checks = [Check::new(Verdict::Good, "node", "here"), Check::new(Verdict::Bad, "hub one", "gone")];
        assert_eq!(report(&checks, false).unwrap(), "ok   node    here\nBAD  hub one gone");
        let json: serde_json::Value = serde_json::from_str(&report(&checks, true).unwrap()).unwrap();
        assert_eq!(json[1]["verdict"], "bad");
    }
}
