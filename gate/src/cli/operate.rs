//! What the operator does to a running gate, through its private address.

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
use sovereign_gate::ops::private;

/// Dropping a thousand peers takes a while.
const PATIENCE: Duration = Duration::from_secs(60);

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
        why: Why,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Holder {
    /// Print everything that is kept of a wallet, as JSON
    Export {
        /// The wallet (0x…)
        wallet: String,
    },
    /// Forget a wallet: ends its tunnels, then removes what is kept of it
    Erase {
        /// The wallet (0x…)
        wallet: String,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Args)]
pub(super) struct Pause {
    /// Admit again
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    why: Why,
}

/// Why something is done; it is written down.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// Why; it is written into the audit log
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
pub(super) struct Audit {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// The private address of the gate that runs in a home.
pub(super) struct Gate {
    base: String,
    token: Option<String>,
}

impl Gate {
    pub(super) fn of(home: &Path) -> anyhow::Result<Self> {
        let address = Config::load(home)?.gate.admin_addr;
        Ok(Self { base: format!("http://{address}"), token: private::token(home) })
    }

    pub(super) fn sessions(&self, command: &Sessions) -> anyhow::Result<ExitCode> {
        match command {
            Sessions::List { json } => {
                self.ask(
                    Method::GET,
                    "/sessions",
                    None,
                    |answer| {
                        if *json { line(answer) } else { table(answer) }
                    },
                )
            }
            Sessions::Drop { target, why } => {
                let body = json!({ "target": target, "reason": why.reason });
                self.ask(Method::POST, "/sessions/drop", Some(body), dropped)
            }
        }
    }

    pub(super) fn pause(&self, pause: &Pause) -> anyhow::Result<ExitCode> {
        let (path, said) = if pause.resume {
            ("/resume", "The gate admits again.")
        } else {
            ("/pause", "The gate is paused.")
        };
        self.ask(Method::POST, path, Some(pause.why.body()), |_| said.to_owned())
    }

    pub(super) fn lock_down(&self, why: &Why) -> anyhow::Result<ExitCode> {
        self.ask(Method::POST, "/lockdown", Some(why.body()), |answer| {
            format!("The gate is paused. {}", dropped(answer))
        })
    }

    pub(super) fn reload(&self) -> anyhow::Result<ExitCode> {
        self.ask(Method::POST, "/reload", None, |answer| {
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
                self.ask(Method::GET, &format!("/holder/{}", segment(wallet)?), None, line)
            }
            Holder::Erase { wallet, why } => {
                let path = format!("/holder/{}/erase", segment(wallet)?);
                self.ask(Method::POST, &path, Some(why.body()), |answer| {
                    format!("Erased. {}", dropped(answer))
                })
            }
        }
    }

    pub(super) fn audit(&self, audit: &Audit) -> anyhow::Result<ExitCode> {
        self.ask(Method::GET, "/audit", None, |answer| if audit.json { line(answer) } else { deeds(answer) })
    }

    /// Asks and prints what `shown` makes of the answer.
    fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        shown: impl FnOnce(&Value) -> String,
    ) -> anyhow::Result<ExitCode> {
        // Fails only where a provider is installed already, which then is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let exchange = async {
            let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
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

impl Why {
    fn body(&self) -> Value {
        json!({ "reason": self.reason })
    }
}

/// Something that is no path of its own.
fn segment(wallet: &str) -> anyhow::Result<&str> {
    let good = wallet.starts_with("0x") && wallet.bytes().all(|byte| byte.is_ascii_alphanumeric());
    good.then_some(wallet).with_context(|| format!("not a wallet: {wallet}"))
}

fn line(answer: &Value) -> String {
    answer.to_string()
}

fn dropped(answer: &Value) -> String {
    format!("{} sessions dropped.", answer["dropped"])
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| if value.is_null() { "-".to_owned() } else { value.to_string() }, str::to_owned)
}

fn table(answer: &Value) -> String {
    let columns = ["session_id", "state", "tier", "service", "account", "wallet", "expires_at"];
    let sessions = answer["sessions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows = sessions.iter().map(|session| columns.map(|column| text(&session[column])).join("  "));
    std::iter::once(columns.join("  ")).chain(rows).collect::<Vec<_>>().join("\n")
}

fn deeds(answer: &Value) -> String {
    let deeds = answer["audit"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row =
        |deed: &Value| ["at", "action", "subject", "reason"].map(|column| text(&deed[column])).join("  ");
    deeds.iter().map(row).collect::<Vec<_>>().join("\n")
}
