//! nftables rules in the service's namespace, in a separate table: they cut flows, and guard the service's API and the
//! node's.
//!
//! A flow gets the mark of the current generation when it begins. A cut is a new generation: flows with another mark are
//! rejected in both directions, later flows pass. Marks are random, so that a killed gate and its successor never give
//! one mark different meanings.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::inbounds::Inbounds;
use crate::net_namespace::NetNamespace;
use crate::{NodeApiGuard, TunnelError};

/// Packet mark of the gate's own connections to the API.
pub(super) const GATE_MARK: u32 = 0x5347_4154;
const TABLE: &str = "inet sovereign_gate";
/// Maximum time for one command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(3);
/// Matches the first packet of a TCP connection.
const SYN: &str = "tcp flags & (fin|syn|rst|ack) == syn";
/// Interval of the check that the rules are still in place.
const RULES_CHECK_INTERVAL: Duration = Duration::from_secs(10);

pub(super) struct Firewall {
    namespace: NetNamespace,
    guard: Option<NodeApiGuard>,
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    generation: Option<Generation>,
    /// The rules set last, and the time.
    set: Option<(String, Instant)>,
    /// Whether the guard is maintained: only then the API is closed to new connections of the node too.
    guarding: bool,
    /// Whether the warning was logged that the service's sockets cannot be closed.
    said: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Generation {
    mark: u32,
    /// Whether flows of other generations are rejected. Before the first cut flows are only marked.
    cuts: bool,
}

impl Generation {
    fn new(cuts: bool) -> Self {
        Self { mark: rand::random_range(1..=u32::MAX), cuts }
    }

    /// Parses the current generation from the printed rules.
    fn find(rules: &str) -> Option<Self> {
        let mark = rules.split("ct mark set 0x").nth(1)?;
        let digits: String = mark.chars().take_while(char::is_ascii_hexdigit).collect();
        Some(Self { mark: u32::from_str_radix(&digits, 16).ok()?, cuts: rules.contains("reject") })
    }
}

impl Firewall {
    pub(super) fn new(namespace: NetNamespace, guard: Option<NodeApiGuard>) -> Self {
        Self { namespace, guard, state: tokio::sync::Mutex::default() }
    }

    /// Ends every open flow of the users.
    pub(super) async fn cut(&self, inbounds: &Inbounds) -> Result<(), TunnelError> {
        let mut state = self.state.lock().await;
        let generation = Generation::new(true);
        let closed = state.guarding && self.node_is_connected(inbounds.api_port).await?;
        self.set(self.rules(inbounds, generation, closed), &mut state).await?;
        state.generation = Some(generation);
        // Closes the service's sockets too, where the kernel can, so that the service notices at once. The rules suffice
        // without it.
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

    /// Marks flows, and closes the API to all but the node and the gate. A node that is not connected yet may connect.
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
            && when.elapsed() > RULES_CHECK_INTERVAL
        {
            *when = Instant::now();
            outdated = Generation::find(&self.listed().await) != Some(generation);
        }
        if outdated { self.set(rules, &mut state).await } else { Ok(()) }
    }

    /// Allows a node that restarts while the gate is down to connect. The API stays closed to the outside, and the node's
    /// own API to users of the service.
    pub(super) async fn allow_node_restart(&self) -> Result<(), TunnelError> {
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

    /// All rules, for one atomic update.
    fn rules(&self, inbounds: &Inbounds, generation: Generation, closed: bool) -> String {
        rules(inbounds, generation, closed, self.guard)
    }

    async fn listed(&self) -> String {
        let arguments = ["list", "table", "inet", "sovereign_gate"].map(str::to_owned).to_vec();
        self.run("nft", arguments, String::new()).await.unwrap_or_default()
    }

    /// Whether the API has a connection from this machine: the node holds one as long as it runs.
    async fn node_is_connected(&self, port: u16) -> Result<bool, TunnelError> {
        let tables = self.namespace.run(|| {
            ["tcp", "tcp6"]
                .map(|name| fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default())
        });
        Ok(tables.await?.iter().any(|table| has_connection(table, port)))
    }

    /// Runs a command in the namespace and returns its output.
    async fn run(
        &self,
        program: &'static str,
        arguments: Vec<String>,
        input: String,
    ) -> Result<String, TunnelError> {
        self.namespace.run(move || command(program, &arguments, &input)).await?
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
        // A program that does not read its input reports the reason itself.
        let _ = pipe.write_all(input.as_bytes());
    }
    let (out, errors) = (child.stdout.take(), child.stderr.take());
    let printed = std::thread::spawn(move || read(out));
    let complaint = std::thread::spawn(move || read(errors));
    let deadline = Instant::now() + COMMAND_TIMEOUT;
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

fn rules(inbounds: &Inbounds, generation: Generation, closed: bool, guard: Option<NodeApiGuard>) -> String {
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
        rule("guard", &format!("tcp dport {api} {SYN} meta mark != {GATE_MARK} drop"));
    }
    if let Some(NodeApiGuard { port, allowed_source: own }) = guard {
        let begun = format!("iifname \"lo\" tcp dport {port} {SYN}");
        if let Some(own) = own {
            rule("guard", &format!("{begun} ip saddr {own} accept"));
        }
        rule("guard", &format!("{begun} drop"));
    }
    if generation.cuts {
        // Packets without a flow have no mark: a client of a cut flow could send them beside a new flow on the same ports.
        rule("arriving", &format!("tcp dport {{ {ports} }} ct state invalid drop"));
    }
    rule("arriving", &format!("tcp dport {{ {ports} }} {SYN} ct state new ct mark set {mark}"));
    rule("arriving", &format!("udp dport {{ {ports} }} ct state new ct mark set {mark}"));
    if generation.cuts {
        rule("arriving", &format!("tcp dport {{ {ports} }} ct mark != {mark} reject with tcp reset"));
        rule("arriving", &format!("udp dport {{ {ports} }} ct mark != {mark} reject"));
        // The service's own resets pass.
        rule("leaving", &format!("tcp sport {{ {ports} }} tcp flags & rst == rst accept"));
        rule("leaving", &format!("tcp sport {{ {ports} }} ct mark != {mark} reject with tcp reset"));
        rule("leaving", &format!("udp sport {{ {ports} }} ct mark != {mark} drop"));
    }
    text
}

/// Whether a socket table of the kernel has an established connection to this port.
fn has_connection(table: &str, port: u16) -> bool {
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
    fn detects_established_connection() {
        let head = "  sl  local_address rem_address   st\n";
        let line =
            |remote: &str, state: &str| format!("{head}   0: 0100007F:A4F2 0100007F:{remote} {state} 0:0\n");
        assert!(has_connection(&line("0913", "01"), 2323));
        assert!(!has_connection(&line("0913", "02"), 2323));
        assert!(!has_connection(&line("0914", "01"), 2323));
        assert!(!has_connection(head, 2323));
        assert!(!has_connection("", 2323));
    }

    #[test]
    fn closes_node_on_loopback_to_all_but_the_gate() {
        let inbounds = Inbounds { api_port: 2323, users: Vec::new() };
        let of = |own: Option<Option<std::net::Ipv4Addr>>| {
            let guard = own.map(|own| NodeApiGuard { port: 18585, allowed_source: own });
            let all = rules(&inbounds, Generation::new(true), true, guard);
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
    fn parses_current_generation() {
        let rules = "tcp dport 1 ct state new ct mark set 0x0000beef\n udp dport 1 ct mark set 0x0000beef";
        assert_eq!(Generation::find(rules), Some(Generation { mark: 0xbeef, cuts: false }));
        let cutting = format!("{rules}\n tcp dport 1 ct mark != 0x0000beef reject with tcp reset");
        assert_eq!(Generation::find(&cutting), Some(Generation { mark: 0xbeef, cuts: true }));
        assert_eq!(Generation::find(""), None);
    }
}
