//! Operator commands, sent to the private address of the running gate.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use service_runtime::causes::with_causes;
use service_runtime::exit::UNAVAILABLE;
use service_runtime::settings::Settings as _;
use sovereign_gate::config::Config;
use sovereign_gate::ops::admin_guard;

/// Timeout of one request: dropping a thousand peers takes a while.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Subcommand)]
pub(super) enum Sessions {
    /// Print the admitted sessions
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// End the tunnels of one session, of a wallet, or of all
    Drop {
        /// Number of a session, a wallet (0x…), or `all`
        target: String,
        #[command(flatten)]
        why: ReasonArg,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Holder {
    /// Print all records of a wallet as JSON
    Export {
        /// The wallet (0x…)
        wallet: String,
    },
    /// Erase a wallet: end its tunnels, then delete its records
    Erase {
        /// The wallet (0x…)
        wallet: String,
        #[command(flatten)]
        why: ReasonArg,
    },
}

#[derive(Debug, Args)]
pub(super) struct Pause {
    /// Admit again
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    why: ReasonArg,
}

/// Why something is done; it is written down.
#[derive(Debug, Args)]
pub(super) struct ReasonArg {
    /// Reason for the audit log
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
pub(super) struct Audit {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Client of the private address of the gate in a home.
pub(super) struct GateClient {
    base: String,
    token: Option<String>,
}

impl GateClient {
    pub(super) fn of(home: &Path) -> anyhow::Result<Self> {
        let address = Config::load(home)?.gate.admin_addr;
        Ok(Self { base: format!("http://{address}"), token: admin_guard::read_token(home) })
    }

    pub(super) fn sessions(&self, command: &Sessions) -> anyhow::Result<ExitCode> {
        match command {
            Sessions::List { json } => self.request(Method::GET, "/sessions", None, |answer| {
                if *json { json_line(answer) } else { session_table(answer) }
            }),
            Sessions::Drop { target, why } => {
                let body = json!({ "target": target, "reason": why.reason });
                self.request(Method::POST, "/sessions/drop", Some(body), dropped_text)
            }
        }
    }

    pub(super) fn pause(&self, pause: &Pause) -> anyhow::Result<ExitCode> {
        let (path, said) = if pause.resume {
            ("/resume", "The gate admits again.")
        } else {
            ("/pause", "The gate is paused.")
        };
        self.request(Method::POST, path, Some(pause.why.body()), |_| said.to_owned())
    }

    pub(super) fn lock_down(&self, why: &ReasonArg) -> anyhow::Result<ExitCode> {
        self.request(Method::POST, "/lockdown", Some(why.body()), |answer| {
            format!("The gate is paused. {}", dropped_text(answer))
        })
    }

    pub(super) fn reload(&self) -> anyhow::Result<ExitCode> {
        self.request(Method::POST, "/reload", None, |answer| {
            let names = |list: &str| {
                let names = answer[list].as_array().into_iter().flatten().filter_map(Value::as_str);
                names.collect::<Vec<_>>().join(", ")
            };
            let (taken, left) = (names("taken"), names("needs_restart"));
            let said = if taken.is_empty() { "nothing".to_owned() } else { taken };
            let rest =
                if left.is_empty() { String::new() } else { format!("\nThese take a restart: {left}") };
            format!("Read again. In force now: {said}{rest}")
        })
    }

    pub(super) fn holder(&self, command: &Holder) -> anyhow::Result<ExitCode> {
        match command {
            Holder::Export { wallet } => {
                self.request(Method::GET, &format!("/holder/{}", wallet_segment(wallet)?), None, json_line)
            }
            Holder::Erase { wallet, why } => {
                let path = format!("/holder/{}/erase", wallet_segment(wallet)?);
                self.request(Method::POST, &path, Some(why.body()), |answer| {
                    format!("Erased. {}", dropped_text(answer))
                })
            }
        }
    }

    pub(super) fn audit(&self, audit: &Audit) -> anyhow::Result<ExitCode> {
        self.request(Method::GET, "/audit", None, |answer| {
            if audit.json { json_line(answer) } else { audit_table(answer) }
        })
    }

    /// Sends a request and prints the answer as formatted by `shown`.
    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        shown: impl FnOnce(&Value) -> String,
    ) -> anyhow::Result<ExitCode> {
        // Fails only if a provider is installed already, which is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let exchange = async {
            let client = Client::builder().no_proxy().timeout(REQUEST_TIMEOUT).build()?;
            let mut request = client.request(method, format!("{}{path}", self.base));
            if let Some(token) = &self.token {
                request = request.bearer_auth(token);
            }
            if let Some(body) = body {
                request = request.json(&body);
            }
            let answer = request.send().await?;
            let status = answer.status();
            anyhow::Ok((status, answer.json::<Value>().await.unwrap_or_default()))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (status, answer) = match runtime.block_on(exchange) {
            Ok(answered) => answered,
            Err(error) => {
                let why = with_causes(error.as_ref());
                eprintln!("sovereign-gate: the gate at {} does not answer: {why}", self.base);
                return Ok(ExitCode::from(UNAVAILABLE));
            }
        };
        if !status.is_success() {
            bail!("{}", answer["error"].as_str().map_or_else(|| status.to_string(), str::to_owned));
        }
        println!("{}", shown(&answer));
        Ok(ExitCode::SUCCESS)
    }
}

impl ReasonArg {
    fn body(&self) -> Value {
        json!({ "reason": self.reason })
    }
}

/// Rejects text that is not a wallet, so that it cannot alter the path.
fn wallet_segment(wallet: &str) -> anyhow::Result<&str> {
    let good = wallet.starts_with("0x") && wallet.bytes().all(|byte| byte.is_ascii_alphanumeric());
    good.then_some(wallet).with_context(|| format!("not a wallet: {wallet}"))
}

fn json_line(answer: &Value) -> String {
    answer.to_string()
}

fn dropped_text(answer: &Value) -> String {
    format!("{} sessions dropped.", answer["dropped"])
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| if value.is_null() { "-".to_owned() } else { value.to_string() }, str::to_owned)
}

fn session_table(answer: &Value) -> String {
    let columns = ["session_id", "state", "tier", "service", "account", "wallet", "expires_at"];
    let sessions = answer["sessions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows = sessions.iter().map(|session| columns.map(|column| text(&session[column])).join("  "));
    std::iter::once(columns.join("  ")).chain(rows).collect::<Vec<_>>().join("\n")
}

fn audit_table(answer: &Value) -> String {
    let deeds = answer["audit"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row =
        |deed: &Value| ["at", "action", "subject", "reason"].map(|column| text(&deed[column])).join("  ");
    deeds.iter().map(row).collect::<Vec<_>>().join("\n")
}
