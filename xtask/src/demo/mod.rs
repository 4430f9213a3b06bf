//! `cargo xtask demo`: the stories, told on a network of their own.

mod page;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use sentinel_stack::stories::{self, Ending, Story};
use sentinel_stack::{Stack, StackOptions, interrupted};

use crate::build::{self, Profile};

/// How one story went.
struct Outcome {
    story: Story,
    ending: Result<Ending>,
    seconds: f32,
}

/// Starts the network, tells the stories, sums up; an interrupt ends all of it at any point.
pub(crate) async fn run(keep: bool) -> Result<ExitCode> {
    println!("Sovereign Gate, the demo: a real hub, a real EVM, real WireGuard, all on this machine.\n");
    let stack = tokio::select! {
        done = interrupted() => return done.map(|()| ExitCode::from(130)),
        stack = start() => stack?,
    };
    let code = tokio::select! {
        done = interrupted() => done.map(|()| ExitCode::from(130))?,
        good = show(&stack, keep) => if good { ExitCode::SUCCESS } else { ExitCode::FAILURE },
    };
    if code == ExitCode::FAILURE {
        println!("\nThe logs are in {}.", stack.info().directory);
        stack.end();
    } else {
        stack.stop().await?;
        println!("\nEverything is stopped and removed.");
    }
    Ok(code)
}

async fn start() -> Result<Stack> {
    let program = build::gate(Profile::Debug).await?;
    Stack::start(StackOptions::default().gates(1).program(program)).await
}

async fn show(stack: &Stack, keep: bool) -> bool {
    let outcomes = tell(stack).await;
    page::summary(&outcomes);
    page::addresses(stack.info());
    if keep {
        println!("\nRunning until ctrl-c.");
        std::future::pending::<()>().await;
    }
    println!("\n`cargo xtask demo --keep` leaves all of this running.");
    outcomes.iter().all(|outcome| outcome.ending.is_ok())
}

async fn tell(stack: &Stack) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (number, story) in (1..).zip(stories::all()) {
        page::title(number, story.title);
        let begin = Instant::now();
        let ending = story.tell(stack).await;
        let outcome = Outcome { story, ending, seconds: begin.elapsed().as_secs_f32() };
        page::ending(&outcome);
        outcomes.push(outcome);
    }
    outcomes
}
