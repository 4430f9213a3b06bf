//! What failed, in the runners' own words, to be told once more at the end: a log of hours is read from there.

use std::collections::VecDeque;

/// Lines that are told of a runner that does not tell its failures apart.
const LAST: usize = 40;
/// Lines that are told of one runner at most.
const MOST: usize = 400;

/// Hears what a runner prints, line by line.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// From a line `failures:` to the result, as Rust's harness prints them.
    told: Vec<String>,
    inside: bool,
    last: VecDeque<String>,
}

impl Failures {
    pub(crate) fn hear(&mut self, line: &str) {
        let line = line.trim_end();
        self.inside |= line == "failures:";
        if self.inside {
            self.told.push(line.to_owned());
        }
        self.inside &= !line.starts_with("test result:");
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }

    /// Its failures, or else its last lines.
    pub(crate) fn told(self) -> String {
        let lines = if self.told.is_empty() { self.last.into() } else { self.told };
        lines[lines.len().saturating_sub(MOST)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str) -> String {
        let mut failures = Failures::default();
        text.lines().for_each(|line| failures.hear(line));
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
