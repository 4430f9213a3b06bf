//! Namespaces, and programs inside them.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

const PREFIX: &str = "sgtun";
static NUMBER: AtomicU16 = AtomicU16::new(0);

/// Runs a command to its end; it has to succeed.
pub(crate) fn run(command: &[&str]) -> String {
    let Output { status, stdout, stderr } =
        Command::new(command[0]).args(&command[1..]).stdin(Stdio::null()).output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// A network namespace that ends with this, and everything in it too.
pub(crate) struct Namespace {
    pub(crate) name: String,
}

impl Namespace {
    pub(crate) fn new() -> Self {
        static SWEEP: Once = Once::new();
        SWEEP.call_once(sweep);
        let name = format!("{PREFIX}{}-{}", std::process::id(), unique());
        run(&["ip", "netns", "add", &name]);
        let namespace = Self { name };
        namespace.run(&["ip", "link", "set", "lo", "up"]);
        namespace
    }

    pub(crate) fn path(&self) -> String {
        format!("/run/netns/{}", self.name)
    }

    /// Joins this one to another by a pair of interfaces, `NET.1` here and `NET.2` there.
    pub(crate) fn join(&self, other: &Self, net: &str) {
        let (here, there) = (format!("v{}", unique()), format!("v{}", unique()));
        run(&[
            "ip",
            "link",
            "add",
            &here,
            "netns",
            &self.name,
            "type",
            "veth",
            "peer",
            "name",
            &there,
            "netns",
            &other.name,
        ]);
        for (namespace, link, last) in [(self, &here, 1), (other, &there, 2)] {
            namespace.run(&["ip", "addr", "add", &format!("{net}.{last}/24"), "dev", link]);
            namespace.run(&["ip", "link", "set", link, "up"]);
        }
    }

    /// Runs a command inside to its end; it has to succeed.
    pub(crate) fn run(&self, command: &[&str]) -> String {
        run(&[&["ip", "netns", "exec", &self.name], command].concat())
    }

    /// Runs some of our own code inside. Sockets that it opens, and threads that it starts, stay there.
    pub(crate) fn thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let file = fs::File::open(self.path()).unwrap();
        let inside = std::thread::spawn(move || {
            nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            work()
        });
        inside.join().unwrap()
    }

    /// Whether a command succeeds inside.
    pub(crate) fn succeeds(&self, command: &[&str]) -> bool {
        let inside = Command::new("ip").args(["netns", "exec", &self.name]).args(command).output();
        inside.is_ok_and(|output| output.status.success())
    }

    /// Starts a program inside.
    pub(crate) fn spawn(&self, command: &mut Command) -> Program {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.name]).arg(command.get_program()).args(command.get_args());
        inside.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        if let Some(directory) = command.get_current_dir() {
            inside.current_dir(directory);
        }
        inside.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        Program(inside.spawn().unwrap())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// A running program; it ends with this.
pub(crate) struct Program(pub(crate) Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A number that nothing else of this run has.
pub(crate) fn unique() -> String {
    format!("{}x{}", std::process::id() % 100_000, NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Waits until something is true, and fails after a while.
pub(crate) fn until(what: &str, limit: Duration, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !is_true() {
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Removes the namespaces of runs that are dead.
fn sweep() {
    for name in run(&["ip", "netns", "list"]).lines().filter_map(|line| line.split(' ').next()) {
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        let owner = owner.and_then(|owner| owner.parse::<u32>().ok());
        if owner.is_some_and(|owner| !Path::new(&format!("/proc/{owner}")).exists()) {
            remove(name);
        }
    }
}

fn remove(name: &str) {
    let pids = Command::new("ip").args(["netns", "pids", name]).output().unwrap().stdout;
    for pid in String::from_utf8_lossy(&pids).lines() {
        // Only what is still in there: a number may have been given away since.
        if fs::read_link(format!("/proc/{pid}/ns/net")).is_ok() {
            let _ = Command::new("kill").args(["-9", pid]).status();
        }
    }
    let _ = Command::new("ip").args(["netns", "del", name]).status();
}
