//! `plan`, `why`, `status`: what the oracle sees and would do. They change nothing and need no key.

use std::path::Path;
use std::process::ExitCode;

use bridge_oracle::config::Config;
use bridge_oracle::policy::Governed;
use bridge_oracle::reconcile::{Row, Stance, Step};
use bridge_oracle::round::View;
use bridge_oracle::run;
use bridge_oracle::state::State;
use clap::Args;
use sentinel_proto::address::NodeAddress;
use serde_json::{Value, json};
use service_runtime::settings::Settings as _;

#[derive(Debug, Args)]
pub(super) struct Show {
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Why {
    /// The node, sentnode1…
    node: NodeAddress,
    /// As JSON
    #[arg(long)]
    json: bool,
}

fn look(home: &Path) -> anyhow::Result<(Governed, State, View)> {
    let (config, governed, state) = (Config::load(home)?, Governed::load(home)?, State::load(home)?);
    let view = super::block_on(async {
        let hub = run::parts::hub(&config, &governed)?;
        let mut eyes = run::parts::eyes(&config, &governed, hub)?;
        Ok::<_, anyhow::Error>(eyes.look(&state.memory, None).await?)
    })??;
    Ok((governed, state, view))
}

fn approved(governed: &Governed, view: &View) -> bool {
    view.standings.parameters.config_hash == governed.hash()
}

impl Show {
    /// The next round.
    pub(super) fn plan(&self, home: &Path) -> anyhow::Result<ExitCode> {
        let (governed, _, view) = look(home)?;
        let decision = &view.decision;
        if self.json {
            let steps: Vec<_> = decision.steps.iter().map(step_json).collect();
            println!(
                "{}",
                json!({ "approved": approved(&governed, &view), "block": view.standings.block.number,
                    "height": view.ledger.height, "actions": steps, "halt": decision.halt,
                    "deferred": decision.deferred, "spending": decision.spending, "nodes": decision.rows })
            );
            return Ok(ExitCode::SUCCESS);
        }
        println!("{:<48} {:<8} {:<10} {:<8} why", "node", "wanted", "plans", "lease");
        for (node, row) in &decision.rows {
            let plans = row.plans.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            let lease = row.lease.map_or_else(|| "-".to_owned(), |lease| lease.to_string());
            let plans = if plans.is_empty() { "-" } else { &plans };
            println!("{node:<48} {:<8} {plans:<10} {lease:<8} {}", row.stance.to_string(), reason(row));
        }
        println!();
        for step in &decision.steps {
            println!("{} ({})", step.action, step.reason);
        }
        if decision.deferred > 0 {
            println!("{} further actions wait for later rounds", decision.deferred);
        }
        if let Some(halt) = &decision.halt {
            println!("nothing is done: {halt}");
        } else if decision.steps.is_empty() {
            println!("nothing is to be done");
        }
        money(&governed, &view);
        Ok(ExitCode::SUCCESS)
    }

    /// Everything in short.
    pub(super) fn status(&self, home: &Path) -> anyhow::Result<ExitCode> {
        let (governed, state, view) = look(home)?;
        let View { standings, ledger, decision } = &view;
        let count =
            |wanted: fn(Stance) -> bool| decision.rows.values().filter(|row| wanted(row.stance)).count();
        let stances = [
            ("good", count(|stance| stance == Stance::Good)),
            ("grace", count(|stance| matches!(stance, Stance::Grace { .. }))),
            ("waiting", count(|stance| matches!(stance, Stance::Waiting { .. }))),
            ("remove", count(|stance| stance == Stance::Remove)),
            ("out", count(|stance| stance == Stance::Out)),
        ];
        let plans: Vec<_> = ledger
            .plans
            .iter()
            .map(|(id, plan)| json!({ "plan": id, "active": plan.active, "links": plan.links.len() }))
            .collect();
        if self.json {
            println!(
                "{}",
                json!({
                    "configuration": { "hash": governed.hash(), "approved": standings.parameters.config_hash },
                    "ethereum": { "block": standings.block.number, "age_seconds": standings.block.age().as_secs(),
                        "nodes": standings.nodes.len(), "paused": standings.parameters.paused },
                    "hub": { "height": ledger.height, "provider": ledger.provider, "plans": plans,
                        "leases": ledger.leases.len() },
                    "nodes": stances.iter().copied().collect::<std::collections::BTreeMap<_, _>>(),
                    "round": state.round, "actions": decision.steps.len(), "halt": decision.halt,
                    "spending": decision.spending,
                })
            );
            return Ok(ExitCode::SUCCESS);
        }
        let word = if approved(&governed, &view) { "approved" } else { "NOT APPROVED" };
        println!("configuration  {} {word}", governed.hash());
        println!(
            "ethereum       block {} ({} s old), {} nodes{}",
            standings.block.number,
            standings.block.age().as_secs(),
            standings.nodes.len(),
            if standings.parameters.paused { ", PAUSED" } else { "" }
        );
        println!("hub            height {}, provider {:?}", ledger.height, ledger.provider);
        for (id, plan) in &ledger.plans {
            let active = if plan.active { "active" } else { "inactive" };
            println!("plan {id:<9} {active}, {} links", plan.links.len());
        }
        let stances: Vec<_> = stances.iter().map(|(name, count)| format!("{count} {name}")).collect();
        println!("nodes          {}", stances.join(", "));
        println!("round          {}, {} actions to do", state.round, decision.steps.len());
        if let Some(halt) = &decision.halt {
            println!("halted         {halt}");
        }
        money(&governed, &view);
        Ok(ExitCode::SUCCESS)
    }
}

impl Why {
    pub(super) fn run(&self, home: &Path) -> anyhow::Result<()> {
        let (_, _, view) = look(home)?;
        let node = self.node;
        let standing = view.standings.nodes.get(&node);
        let on_hub = view.ledger.nodes.get(&node);
        let row = view.decision.rows.get(&node);
        let steps: Vec<_> =
            view.decision.steps.iter().filter(|step| step.action.node() == Some(node)).collect();
        if self.json {
            let steps: Vec<_> = steps.into_iter().map(step_json).collect();
            println!(
                "{}",
                json!({ "node": node, "ethereum": standing, "hub": on_hub, "decision": row, "actions": steps })
            );
            return Ok(());
        }
        match standing {
            Some(standing) => println!(
                "On Ethereum (block {}): active {}, stake {} wei, score {}, blacklisted {}.",
                view.standings.block.number,
                standing.active,
                standing.stake,
                standing.score,
                standing.blacklisted
            ),
            None => println!("On Ethereum (block {}): not registered.", view.standings.block.number),
        }
        match on_hub {
            Some(on_hub) => println!(
                "On the hub (height {}): active {}, an hour costs {}.",
                view.ledger.height,
                on_hub.active,
                on_hub
                    .hourly
                    .map_or_else(|| "nothing that we pay in".to_owned(), |price| price.quote.to_string())
            ),
            None => println!("On the hub (height {}): not known.", view.ledger.height),
        }
        let Some(row) = row else {
            println!("Neither registered, nor leased, nor linked: it does not concern this oracle.");
            return Ok(());
        };
        println!("Linked to plans {:?}, lease {:?}.", row.plans, row.lease);
        println!("It is wanted: {}. {}", row.stance, reason(row));
        for step in steps {
            println!("Next: {} ({}).", step.action, step.reason);
        }
        Ok(())
    }
}

fn step_json(step: &Step) -> Value {
    json!({ "action": step.action, "text": step.action.to_string(), "reason": step.reason })
}

/// Why a node stands as it does.
fn reason(row: &Row) -> String {
    let until = match row.stance {
        Stance::Grace { until } => Some(format!("removed at {until}")),
        Stance::Waiting { until } => Some(format!("linked at {until}")),
        _ => None,
    };
    let fault = row.fault.as_ref().map(ToString::to_string);
    let parts: Vec<_> = [fault, until, row.held.clone()].into_iter().flatten().collect();
    if parts.is_empty() { "in good standing".to_owned() } else { parts.join("; ") }
}

fn money(governed: &Governed, view: &View) {
    let (spending, denom) = (view.decision.spending, &governed.lease.denom);
    println!(
        "{} {denom} of {} spent within 24 hours, {} more in this round; present leases cost {} a day",
        spending.spent, spending.limit, spending.this_round, spending.present_per_day
    );
}
