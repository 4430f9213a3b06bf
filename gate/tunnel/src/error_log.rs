//! Logs the error of a repeated action once, not at each repetition.

use std::fmt::Display;

/// Error of the last attempt of a repeated action; empty after a success.
#[derive(Debug, Default)]
pub(crate) struct ErrorLog(String);

impl ErrorLog {
    /// Notes the result of an attempt. Calls `log` with an error that differs from that of the attempt before.
    pub(crate) fn note<E: Display>(&mut self, result: Result<(), E>, log: impl FnOnce(&E)) {
        match result {
            Ok(()) => self.0.clear(),
            Err(error) => {
                let text = error.to_string();
                if text != self.0 {
                    log(&error);
                }
                self.0 = text;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_an_error_again_only_after_another_result() {
        let (mut log, mut logged) = (ErrorLog::default(), Vec::new());
        for result in [Err("a"), Err("a"), Err("b"), Ok(()), Err("b"), Err("a")] {
            log.note(result, |error| logged.push(*error));
        }
        assert_eq!(logged, ["a", "b", "b", "a"]);
    }
}
