//! Options of a local network.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Changes the configuration of gate number N (from 1) before it is written.
pub(crate) type Edit = Arc<dyn Fn(usize, &mut toml::Table) + Send + Sync>;

/// Options of a local network.
#[derive(Clone)]
pub struct StackOptions {
    pub(crate) gates: usize,
    pub(crate) program: Option<PathBuf>,
    pub(crate) session_timeout: Duration,
    pub(crate) edit: Edit,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self {
            gates: 1,
            program: None,
            session_timeout: Duration::from_secs(7200),
            edit: Arc::new(|_, _| ()),
        }
    }
}

impl StackOptions {
    /// How many gates, each with a node of its own behind it. None is possible: then one node stands alone.
    #[must_use]
    pub fn gates(mut self, gates: usize) -> Self {
        self.gates = gates;
        self
    }

    /// The gate's program; else the newest build in the target directory.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// How long an ended session stays on the hub. The hub's own default is a minute; here it is two hours.
    #[must_use]
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.session_timeout = timeout;
        self
    }

    /// Changes the gates' configuration.
    #[must_use]
    pub fn configure(mut self, edit: impl Fn(usize, &mut toml::Table) + Send + Sync + 'static) -> Self {
        self.edit = Arc::new(edit);
        self
    }
}

impl fmt::Debug for StackOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackOptions")
            .field("gates", &self.gates)
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}
