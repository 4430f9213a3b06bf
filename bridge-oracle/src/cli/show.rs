//! `plan`, `why`, `status`: show what the oracle reads and would do. They change nothing and need no key.

use std::path::Path;
use std::process::ExitCode;

use bridge_oracle::config::Config;
use bridge_oracle::policy::Governed;
use bridge_oracle::reconcile::{NodeReport, NodeStatus, Step};
use bridge_oracle::round::RoundSnapshot;
use bridge_oracle::run;
use bridge_oracle::state::SavedState;
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

fn observe_chains(home: &Path) -> anyhow::Result<(Governed, SavedState, RoundSnapshot)> {
    let (config, governed, state) = (Config::load(home)?, Governed::load(home)?, SavedState::load(home)?);
    let view = super::block_on(async {
        let hub = run::clients::build_hub_client(&config, &governed)?;
        let mut chain_view = run::clients::build_chain_view(&config, &governed, hub)?;
        Ok::<_, anyhow::Error>(chain_view.observe(&state.state, None).await?)
    })??;
    Ok((governed, state, view))
}

fn is_approved(governed: &Governed, view: &RoundSnapshot) -> bool {
    view.standings.parameters.config_hash == governed.hash()
}

impl Show {
    /// Prints the next round.
    pub(super) fn plan(&self, home: &Path) -> anyhow::Result<ExitCode> {
        let (governed, _, view) = observe_chains(home)?;
        let decision = &view.decision;
        if self.json {
            let steps: Vec<_> = decision.steps.iter().map(step_json).collect();
            println!(
                "{}",
                json!({ "approved": is_approved(&governed, &view), "block": view.standings.block.number,
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
            println!(
                "{node:<48} {:<8} {plans:<10} {lease:<8} {}",
                row.status.to_string(),
                describe_status(row)
            );
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
        print_spending(&governed, &view);
        Ok(ExitCode::SUCCESS)
    }

    /// Prints a summary.
    pub(super) fn status(&self, home: &Path) -> anyhow::Result<ExitCode> {
        let (governed, state, view) = observe_chains(home)?;
        let RoundSnapshot { standings, ledger, decision } = &view;
        let count =
            |wanted: fn(NodeStatus) -> bool| decision.rows.values().filter(|row| wanted(row.status)).count();
        let stances = [
            ("good", count(|status| status == NodeStatus::Good)),
            ("grace", count(|status| matches!(status, NodeStatus::Grace { .. }))),
            ("waiting", count(|status| matches!(status, NodeStatus::Waiting { .. }))),
            ("remove", count(|status| status == NodeStatus::Remove)),
            ("out", count(|status| status == NodeStatus::Out)),
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
        let word = if is_approved(&governed, &view) { "approved" } else { "NOT APPROVED" };
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
        print_spending(&governed, &view);
        Ok(ExitCode::SUCCESS)
    }
}

impl Why {
    pub(super) fn run(&self, home: &Path) -> anyhow::Result<()> {
        let (_, _, view) = observe_chains(home)?;
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
        println!("It is wanted: {}. {}", row.status, describe_status(row));
        for step in steps {
            println!("Next: {} ({}).", step.action, step.reason);
        }
        Ok(())
    }
}

fn step_json(step: &Step) -> Value {
    json!({ "action": step.action, "text": step.action.to_string(), "reason": step.reason })
}

/// Describes why a node has its status.
fn describe_status(row: &NodeReport) -> String {
    let until = match row.status {
        NodeStatus::Grace { until } => Some(format!("removed at {until}")),
        NodeStatus::Waiting { until } => Some(format!("linked at {until}")),
        _ => None,
    };
    let fault = row.fault.as_ref().map(ToString::to_string);
    let context: Vec<_> = [fault, until, row.held.clone()].into_iter().flatten().collect();
    if context.is_empty() { "in good standing".to_owned() } else { context.join("; ") }
}

fn print_spending(governed: &Governed, view: &RoundSnapshot) {
    let (spending, denom) = (view.decision.spending, &governed.lease.denom);
    println!(
        "{} {denom} of {} spent within 24 hours, {} more in this round; present leases cost {} a day",
        spending.spent, spending.limit, spending.this_round, spending.present_per_day
    );
}
