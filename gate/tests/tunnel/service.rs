//! A tunnel service as a node runs it, by the SDK's own code, without the node.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command};
use std::sync::Mutex;

use serde_json::Value;

use crate::net::{Namespace, Program};

/// A running service. It breaks down as it would in the node.
pub(crate) struct Service {
    talk: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
    program: Mutex<Program>,
}

impl Service {
    pub(crate) fn start(namespace: &Namespace, kind: &str, home: &Path) -> Self {
        let program = sentinel_stack::paths::stock_program("sentinel-service");
        assert!(program.is_file(), "{} is not built: cargo xtask prepare", program.display());
        let path = std::env::var("PATH").unwrap();
        let stock = program.parent().unwrap().display();
        let mut command = Command::new(&program);
        command.args(["--type", kind, "--home"]).arg(home).env("PATH", format!("{stock}:{path}"));
        let mut program = namespace.spawn(&mut command);
        let input = program.0.stdin.take().unwrap();
        let mut lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
        let ready = lines.next().expect("the service does not start").unwrap();
        assert_eq!(ready, r#"{"ready":true}"#);
        Self { talk: Mutex::new((input, lines)), program: Mutex::new(program) }
    }

    /// Gives an order and its answer.
    pub(crate) fn order(&self, order: &str) -> Value {
        let mut talk = self.talk.lock().unwrap();
        writeln!(talk.0, "{order}").unwrap();
        let answer = talk.1.next().expect("the service has ended").unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// Adds the peer with this uuid, gives its id and the answer to its client.
    pub(crate) fn add(&self, uuid: [u8; 16]) -> (String, Value) {
        let answer = self.order(&format!(r#"add {{"uuid":{uuid:?}}}"#));
        (answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned(), answer["answer"].clone())
    }

    /// Whether it runs.
    pub(crate) fn lives(&self) -> bool {
        self.program.lock().unwrap().0.try_wait().unwrap().is_none()
    }
}
