//! What the demo prints.

use sentinel_stack::StackInfo;
use sentinel_stack::stories::Ending;

use super::Outcome;

pub(super) fn title(number: usize, title: &str) {
    println!("\n{number}. {title}.");
}

pub(super) fn ending(outcome: &Outcome) {
    match &outcome.ending {
        Ok(Ending::Tunnel { tier, session, ping }) => {
            println!("   {tier} tier, {session}");
            println!("   ping through the tunnel: {:.1} ms", ping.as_secs_f64() * 1000.0);
        }
        Ok(Ending::Refused { refusal }) => println!("   shown to the holder: {refusal}"),
        Err(error) => println!("   NOT AS IT MUST BE: {error:#}"),
    }
    println!("   ({:.1} s)", outcome.seconds);
}

pub(super) fn summary(outcomes: &[Outcome]) {
    println!("\n{:<26} {:<10} {:>7}", "story", "ending", "time");
    for outcome in outcomes {
        let ending = match &outcome.ending {
            Ok(Ending::Tunnel { .. }) => "tunnel",
            Ok(Ending::Refused { .. }) => "refused",
            Err(_) => "FAILED",
        };
        println!("{:<26} {ending:<10} {:>6.1}s", outcome.story.name.replace('_', " "), outcome.seconds);
    }
    let good = outcomes.iter().filter(|outcome| outcome.ending.is_ok()).count();
    println!("{good} of {} ended as they must", outcomes.len());
}

pub(super) fn addresses(info: &StackInfo) {
    println!("\nTo try oneself:");
    for gate in &info.gates {
        println!("  sign-in page     {}/gate/", gate.url);
        println!("  gate's state     {}/ready  /metrics  /sessions", gate.admin);
        println!("  gate's settings  {}", gate.config);
    }
    for node in &info.nodes {
        println!("  node             {} (without its gate: {})", node.address, node.plain_url);
    }
    let (ethereum, hub) = (&info.ethereum, &info.hub);
    println!(
        "  Ethereum         {} (chain id {}; the cards: {})",
        ethereum.rpc, ethereum.chain_id, ethereum.memes
    );
    println!("  Sentinel Hub     {} (chain id {})", hub.rpc, hub.chain_id);
    println!("  hub command      {} --home {} --node {}", hub.binary, hub.home, hub.rpc);
    println!("  plans            {} free, {} paid", info.plans.free, info.plans.paid);
    println!("  stock client     {}", info.client.connect.join(" "));
    println!("  controls         {} list", info.control.join(" "));
}
