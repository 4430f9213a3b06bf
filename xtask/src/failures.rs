//! Collects the failures that a test runner prints, to repeat them at the end of a long log.

use std::collections::VecDeque;

/// Lines kept of a runner that does not mark its failures.
const MAX_TAIL_LINES: usize = 40;
/// Maximum lines reported for one runner.
const MAX_REPORT_LINES: usize = 400;

/// Reads the output of a runner line by line.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// From a line `failures:` to the result, as Rust's harness prints them.
    told: Vec<String>,
    inside: bool,
    last: VecDeque<String>,
}

impl Failures {
    pub(crate) fn add_line(&mut self, line: &str) {
        let line = line.trim_end();
        self.inside |= line == "failures:";
        if self.inside {
            self.told.push(line.to_owned());
        }
        self.inside &= !line.starts_with("test result:");
        if self.last.len() == MAX_TAIL_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }

    /// Its failures, or else its last lines.
    pub(crate) fn told(self) -> String {
        let lines = if self.told.is_empty() { self.last.into() } else { self.told };
        lines[lines.len().saturating_sub(MAX_REPORT_LINES)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str) -> String {
        let mut failures = Failures::default();
        text.lines().for_each(|line| failures.add_line(line));
        failures.told()
    }

    #[test]
    fn failures_are_told_with_what_they_said_and_nothing_else_is() {
        let one = "failures:\n\n---- a ----\nit broke\n\nfailures:\n    a\n\ntest result: FAILED. 1 passed";
        let told = heard(&format!("running 2 tests\ntest a ... FAILED\n{one}\nlogs: here\n{one}\nthe end"));
        assert_eq!(told, format!("{one}\n{one}"));
    }

    #[test]
    fn of_another_runner_the_end_is_told() {
        let text = (0..100).map(|n| format!("line {n}")).collect::<Vec<_>>();
        assert_eq!(heard(&text.join("\n")), text[60..].join("\n"));
    }
}
