//! A tunnel service as a node runs it, by the SDK's own code, without the node.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::net::{Namespace, Program, until};

/// A running service. It breaks down as it would in the node.
pub(crate) struct Service {
    talk: Mutex<(Option<ChildStdin>, Lines<BufReader<ChildStdout>>)>,
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
        Self { talk: Mutex::new((Some(input), lines)), program: Mutex::new(program) }
    }

    /// Starts one that asks what it has started after a second, and breaks down if it is not up by then: on a busy
    /// machine it may take more than one attempt, for a node too.
    pub(crate) fn start_patiently(namespace: &Namespace, kind: &str, home: &Path) -> Self {
        let attempt = |_| {
            let service = Self::start(namespace, kind, home);
            std::thread::sleep(Duration::from_millis(2500));
            service.lives().then_some(service)
        };
        (0..5).find_map(attempt).expect("the service breaks down again and again")
    }

    /// Gives an order and its answer.
    pub(crate) fn order(&self, order: &str) -> Value {
        let mut talk = self.talk.lock().unwrap();
        writeln!(talk.0.as_mut().unwrap(), "{order}").unwrap();
        let answer = talk.1.next().expect("the service has ended").unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// Adds the peer with this uuid, gives its id and the answer to its client.
    pub(crate) fn add(&self, uuid: [u8; 16]) -> (String, Value) {
        let mut answer = Value::Null;
        // What the service starts may not listen yet.
        until("the peer is added", Duration::from_secs(15), || {
            answer = self.order(&format!(r#"add {{"uuid":{uuid:?}}}"#));
            !answer["error"].as_str().is_some_and(|error| error.contains("Unavailable"))
        });
        (answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned(), answer["answer"].clone())
    }

    /// Whether it runs.
    pub(crate) fn lives(&self) -> bool {
        self.program.lock().unwrap().0.try_wait().unwrap().is_none()
    }
}

impl Drop for Service {
    /// Lets it end what it has started; what does not end in time is killed.
    fn drop(&mut self) {
        if let Ok(talk) = self.talk.get_mut() {
            talk.0.take();
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.lives() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
