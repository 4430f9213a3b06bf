//! Rules of nftables in the service's namespace, in a table of our own: they cut flows, and guard the service's API and
//! the node's.
//!
//! A flow gets the mark of its generation when it begins. A cut is a new generation: whatever has another mark is
//! refused in both directions, whatever begins afterwards passes. Marks are random, so that a gate which was killed and
//! one that took its place never mean the same by one.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::inbounds::Inbounds;
use crate::enforce::tunnel::place::Place;
use crate::enforce::tunnel::{Door, TunnelError};

/// What our own connections to the API are known by.
pub(super) const MARK: u32 = 0x5347_4154;
const TABLE: &str = "inet sovereign_gate";
/// Longest time for one command.
const LONGEST: Duration = Duration::from_secs(3);
/// The beginning of a TCP connection.
const SYN: &str = "tcp flags & (fin|syn|rst|ack) == syn";
/// How often it is made sure that the rules are still there.
const LOOK: Duration = Duration::from_secs(10);

pub(super) struct Firewall {
    place: Place,
    door: Option<Door>,
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    generation: Option<Generation>,
    /// The rules as they were set last, and when.
    set: Option<(String, Instant)>,
    /// Whether somebody looks after the guard: only then it is closed to a node too.
    guarding: bool,
    /// Whether it was said that the service's own ends stay open.
    said: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Generation {
    mark: u32,
    /// Whether flows of other generations are refused. At first they are only told apart.
    cuts: bool,
}

impl Generation {
    fn new(cuts: bool) -> Self {
        Self { mark: rand::random_range(1..=u32::MAX), cuts }
    }

    /// The one in force, from the rules as they are printed.
    fn find(rules: &str) -> Option<Self> {
        let mark = rules.split("ct mark set 0x").nth(1)?;
        let digits: String = mark.chars().take_while(char::is_ascii_hexdigit).collect();
        Some(Self { mark: u32::from_str_radix(&digits, 16).ok()?, cuts: rules.contains("reject") })
    }
}

impl Firewall {
    pub(super) fn new(place: Place, door: Option<Door>) -> Self {
        Self { place, door, state: tokio::sync::Mutex::default() }
    }

    /// Ends every flow of users that is open now.
    pub(super) async fn cut(&self, inbounds: &Inbounds) -> Result<(), TunnelError> {
        let mut state = self.state.lock().await;
        let generation = Generation::new(true);
        let closed = state.guarding && self.node_is_connected(inbounds.api_port).await?;
        self.set(self.rules(inbounds, generation, closed), &mut state).await?;
        state.generation = Some(generation);
        // The service's own ends too, where the kernel can: it notices at once then. The rules do without.
        let ports: Vec<String> = inbounds
            .users
            .iter()
            .map(|user| format!("( sport >= :{} and sport <= :{} )", user.ports.0, user.ports.1))
            .collect();
        let filter = ports.join(" or ");
        let closed = self.run("ss", vec!["-K".into(), "-t".into(), "-n".into(), filter], String::new()).await;
        if let Err(error) = closed
            && !std::mem::replace(&mut state.said, true)
        {
            tracing::warn!(%error, "the service notices late that its connections are cut");
        }
        Ok(())
    }

    /// Marks flows, and closes the API to everybody but the node and us. A node that has yet to connect is let in.
    pub(super) async fn guard(&self, inbounds: &Inbounds) -> Result<(), TunnelError> {
        let mut state = self.state.lock().await;
        let generation = match state.generation {
            Some(generation) => generation,
            None => Generation::find(&self.listed().await).unwrap_or_else(|| Generation::new(false)),
        };
        state.generation = Some(generation);
        state.guarding = true;
        let rules = self.rules(inbounds, generation, self.node_is_connected(inbounds.api_port).await?);
        let mut outdated = state.set.as_ref().is_none_or(|(set, _)| *set != rules);
        if let Some((_, when)) = &mut state.set
            && !outdated
            && when.elapsed() > LOOK
        {
            *when = Instant::now();
            outdated = Generation::find(&self.listed().await) != Some(generation);
        }
        if outdated { self.set(rules, &mut state).await } else { Ok(()) }
    }

    /// Lets a node connect that is started while we are not there. The API stays closed to the outside, and the node's
    /// own to users of the service.
    pub(super) async fn open(&self) -> Result<(), TunnelError> {
        let mut state = self.state.lock().await;
        state.guarding = false;
        let Some((set, _)) = state.set.take() else { return Ok(()) };
        let rules: String =
            set.lines().filter(|line| !line.contains("meta mark")).fold(String::new(), |mut all, line| {
                all.push_str(line);
                all.push('\n');
                all
            });
        self.set(rules, &mut state).await
    }

    async fn set(&self, rules: String, state: &mut State) -> Result<(), TunnelError> {
        self.run("nft", vec!["-f".into(), "-".into()], rules.clone()).await?;
        state.set = Some((rules, Instant::now()));
        Ok(())
    }

    /// All rules, set in one step.
    fn rules(&self, inbounds: &Inbounds, generation: Generation, closed: bool) -> String {
        rules(inbounds, generation, closed, self.door)
    }

    async fn listed(&self) -> String {
        let arguments = ["list", "table", "inet", "sovereign_gate"].map(str::to_owned).to_vec();
        self.run("nft", arguments, String::new()).await.unwrap_or_default()
    }

    /// Whether somebody on this machine has a connection to the API: the node, which holds one as long as it lives.
    async fn node_is_connected(&self, port: u16) -> Result<bool, TunnelError> {
        let tables = self.place.run(|| {
            ["tcp", "tcp6"]
                .map(|name| fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default())
        });
        Ok(tables.await?.iter().any(|table| connected(table, port)))
    }

    /// Runs a command inside, and gives what it printed.
    async fn run(
        &self,
        program: &'static str,
        arguments: Vec<String>,
        input: String,
    ) -> Result<String, TunnelError> {
        self.place.run(move || command(program, &arguments, &input)).await?
    }
}

fn command(program: &'static str, arguments: &[String], input: &str) -> Result<String, TunnelError> {
    let failed = |error: std::io::Error| TunnelError::unreachable(program, error);
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that does not want it all says why by itself.
        let _ = pipe.write_all(input.as_bytes());
    }
    let (out, errors) = (child.stdout.take(), child.stderr.take());
    let printed = std::thread::spawn(move || read(out));
    let complaint = std::thread::spawn(move || read(errors));
    let deadline = Instant::now() + LONGEST;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return Err(TunnelError::too_slow(program));
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let complaint = complaint.join().unwrap_or_default();
    if !status.success() {
        return Err(TunnelError::refused(program, complaint.lines().next().unwrap_or("it does not say why")));
    }
    Ok(printed.join().unwrap_or_default())
}

fn read(pipe: Option<impl std::io::Read>) -> String {
    let mut text = Vec::new();
    if let Some(pipe) = pipe {
        let _ = pipe.take(1024 * 1024).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn rules(inbounds: &Inbounds, generation: Generation, closed: bool, door: Option<Door>) -> String {
    let ports: Vec<String> =
        inbounds.users.iter().map(|user| format!("{}-{}", user.ports.0, user.ports.1)).collect();
    let (ports, api, mark) = (ports.join(", "), inbounds.api_port, generation.mark);
    let mut text = format!("add table {TABLE}\n");
    for (chain, hook, priority) in
        [("guard", "input", -152), ("arriving", "input", -151), ("leaving", "output", -151)]
    {
        // Writing to a string does not fail.
        let _ =
            writeln!(text, "add chain {TABLE} {chain} {{ type filter hook {hook} priority {priority}; }}");
        let _ = writeln!(text, "flush chain {TABLE} {chain}");
    }
    let mut rule = |chain: &str, rule: &str| {
        let _ = writeln!(text, "add rule {TABLE} {chain} {rule}");
    };
    rule("guard", &format!("iifname != \"lo\" tcp dport {api} drop"));
    if closed {
        rule("guard", &format!("tcp dport {api} {SYN} meta mark != {MARK} drop"));
    }
    if let Some(Door { port, own }) = door {
        let begun = format!("iifname \"lo\" tcp dport {port} {SYN}");
        if let Some(own) = own {
            rule("guard", &format!("{begun} ip saddr {own} accept"));
        }
        rule("guard", &format!("{begun} drop"));
    }
    if generation.cuts {
        // What belongs to no flow has no mark either: data of one that was cut, under cover of another on its ports.
        rule("arriving", &format!("tcp dport {{ {ports} }} ct state invalid drop"));
    }
    rule("arriving", &format!("tcp dport {{ {ports} }} {SYN} ct state new ct mark set {mark}"));
    rule("arriving", &format!("udp dport {{ {ports} }} ct state new ct mark set {mark}"));
    if generation.cuts {
        rule("arriving", &format!("tcp dport {{ {ports} }} ct mark != {mark} reject with tcp reset"));
        rule("arriving", &format!("udp dport {{ {ports} }} ct mark != {mark} reject"));
        // The service's own farewell is let out.
        rule("leaving", &format!("tcp sport {{ {ports} }} tcp flags & rst == rst accept"));
        rule("leaving", &format!("tcp sport {{ {ports} }} ct mark != {mark} reject with tcp reset"));
        rule("leaving", &format!("udp sport {{ {ports} }} ct mark != {mark} drop"));
    }
    text
}

/// Whether a table of the kernel has an open connection to this port.
fn connected(table: &str, port: u16) -> bool {
    let (remote, open) = (format!(":{port:04X}"), "01");
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(2);
        fields.next().is_some_and(|field| field.ends_with(&remote)) && fields.next() == Some(open)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_connection_is_seen() {
        let head = "  sl  local_address rem_address   st\n";
        let line =
            |remote: &str, state: &str| format!("{head}   0: 0100007F:A4F2 0100007F:{remote} {state} 0:0\n");
        assert!(connected(&line("0913", "01"), 2323));
        assert!(!connected(&line("0913", "02"), 2323));
        assert!(!connected(&line("0914", "01"), 2323));
        assert!(!connected(head, 2323));
        assert!(!connected("", 2323));
    }

    #[test]
    fn the_node_is_closed_on_loopback_to_all_but_the_gate_and_stays_so() {
        let inbounds = Inbounds { api_port: 2323, users: Vec::new() };
        let of = |own: Option<Option<std::net::Ipv4Addr>>| {
            let door = own.map(|own| Door { port: 18585, own });
            let all = rules(&inbounds, Generation::new(true), true, door);
            let about: Vec<_> =
                all.lines().filter(|rule| rule.contains("18585")).map(str::to_owned).collect();
            assert!(about.iter().all(|rule| rule.contains(" guard iifname") && !rule.contains("meta mark")));
            about.iter().map(|rule| rule.rsplit(" == syn ").next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert!(of(None).is_empty());
        assert_eq!(of(Some(None)), ["drop"]);
        assert_eq!(of(Some(Some([127, 1, 2, 3].into()))), ["ip saddr 127.1.2.3 accept", "drop"]);
    }

    #[test]
    fn the_generation_in_force_is_found() {
        let rules = "tcp dport 1 ct state new ct mark set 0x0000beef\n udp dport 1 ct mark set 0x0000beef";
        assert_eq!(Generation::find(rules), Some(Generation { mark: 0xbeef, cuts: false }));
        let cutting = format!("{rules}\n tcp dport 1 ct mark != 0x0000beef reject with tcp reset");
        assert_eq!(Generation::find(&cutting), Some(Generation { mark: 0xbeef, cuts: true }));
        assert_eq!(Generation::find(""), None);
    }
}
