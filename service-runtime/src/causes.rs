//! An error as a person reads it.

use std::error::Error;

/// The error and its causes, outermost first. Where a message ends with its cause already, that is not said again.
pub fn with_causes(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !told.ends_with(&text) {
            told = format!("{told}: {text}");
        }
        cause = inner.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Outer {
        #[error("cannot listen: {0}")]
        Told(#[source] io::Error),
        #[error("cannot listen")]
        Untold(#[source] io::Error),
    }

    #[test]
    fn each_cause_is_said_once() {
        let in_use = || io::Error::other("the port is in use");
        for error in [Outer::Told(in_use()), Outer::Untold(in_use())] {
            assert_eq!(with_causes(&error), "cannot listen: the port is in use");
        }
        assert_eq!(with_causes(&in_use()), "the port is in use");
    }
}
