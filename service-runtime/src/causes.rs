//! Text of an error with its causes.

use std::error::Error;

/// Returns the messages of the error and its causes, outermost first. A cause that the message before already ends with
/// is not repeated.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let cause_text = inner.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        cause = inner.source();
    }
    text
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
    fn names_each_cause_once() {
        let in_use = || io::Error::other("the port is in use");
        for error in [Outer::Told(in_use()), Outer::Untold(in_use())] {
            assert_eq!(with_causes(&error), "cannot listen: the port is in use");
        }
        assert_eq!(with_causes(&in_use()), "the port is in use");
    }
}
