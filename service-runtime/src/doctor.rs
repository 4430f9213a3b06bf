//! What a `doctor` command tells: one line for each thing that it looked at.

use std::process::ExitCode;

use serde::Serialize;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Works now; somebody should look at it.
    Warning,
    /// Does not work, or is dangerous.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found, and what to do.
    pub found: String,
}

impl Check {
    /// `name` is so.
    pub fn new(verdict: Verdict, name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), verdict, found: found.into() }
    }
}

/// All of it for a person, or as JSON.
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

/// Success unless something is bad.
pub fn code(checks: &[Check]) -> ExitCode {
    let bad = checks.iter().any(|check| check.verdict == Verdict::Bad);
    if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_in_columns() {
        let checks = [Check::new(Verdict::Good, "node", "here"), Check::new(Verdict::Bad, "hub one", "gone")];
        assert_eq!(report(&checks, false).unwrap(), "ok   node    here\nBAD  hub one gone");
        let json: serde_json::Value = serde_json::from_str(&report(&checks, true).unwrap()).unwrap();
        assert_eq!(json[1]["verdict"], "bad");
    }
}
