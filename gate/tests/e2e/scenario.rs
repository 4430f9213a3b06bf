//! A scenario: an asynchronous function that uses the network of a [`Fixture`].

use std::future::Future;
use std::pin::Pin;

use anyhow::Result;

use crate::fixture::Fixture;

type Run = for<'a> fn(&'a Fixture) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// A scenario and how it is scheduled.
pub(crate) struct Scenario {
    pub(crate) path: &'static str,
    /// Runs while no other scenario does.
    pub(crate) exclusive: bool,
    pub(crate) run: Run,
}

impl Scenario {
    /// Module and function, without the name of the crate.
    pub(crate) fn name(&self) -> &'static str {
        self.path.trim_start_matches("e2e::")
    }
}

/// Lists functions of a module as scenarios: `scenarios![a, b]`, or `scenarios![exclusive: a, b]` for those that stop
/// programs which others need, or hold the gate to times that the load of others would change.
macro_rules! scenarios {
    (exclusive: $($name:ident),* $(,)?) => { $crate::scenario::scenarios!(@ true, $($name),*) };
    ($($name:ident),* $(,)?) => { $crate::scenario::scenarios!(@ false, $($name),*) };
    (@ $exclusive:literal, $($name:ident),*) => {
        vec![$($crate::scenario::Scenario {
            path: concat!(module_path!(), "::", stringify!($name)),
            exclusive: $exclusive,
            run: |fixture| Box::pin($name(fixture)),
        }),*]
    };
}
pub(crate) use scenarios;
