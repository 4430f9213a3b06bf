//! Programs on which the gate depends stop, freeze and return: meanwhile no new session is admitted and every request
//! is answered in time; afterwards nothing needs a restart.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Answer, Caller, Challenge, Handshake, SignIn, Wallet};
use sentinel_stack::info::GateInfo;

use crate::trial::{Trial, trials};
use crate::world::{
    Holder, PATIENCE, World, enter, eventually, knock, not_ready, refused, set, shown, some_account,
};

pub(crate) fn trials() -> Vec<Trial> {
    trials![alone:
        ethereum_stops,
        ethereum_freezes,
        the_hub_stops,
        the_hub_freezes,
        the_node_stops,
    ]
}

/// How a program becomes unavailable.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Stopped,
    Frozen,
}

impl Fault {
    async fn begin(self, world: &World, program: &str) -> Result<()> {
        match self {
            Self::Stopped => world.stack.stop_program(program).await,
            Self::Frozen => world.stack.pause_program(program),
        }
    }

    async fn end(self, world: &World, program: &str) -> Result<()> {
        match self {
            Self::Stopped => world.stack.start_program(program).await,
            Self::Frozen => world.stack.resume_program(program),
        }
    }

    /// Makes `program` unavailable, runs `act`, and brings the program back whatever the outcome. Every gate must
    /// become ready by itself.
    async fn during(self, world: &World, program: &str, act: impl Future<Output = Result<()>>) -> Result<()> {
        self.begin(world, program).await?;
        let done = act.await.with_context(|| format!("{program} {self:?}"));
        self.end(world, program).await?;
        done?;
        world.until_ready(world.gate()).await.with_context(|| format!("{program} was {self:?}"))
    }
}

/// Requires that the answer arrives within [`GATE_RESPONSE_LIMIT`].
async fn in_time<T>(what: &str, answer: impl Future<Output = Result<T>>) -> Result<T> {
    let begun = Instant::now();
    let answer = answer.await?;
    ensure!(begun.elapsed() < PATIENCE, "{what} took {:?}", begun.elapsed());
    Ok(answer)
}

async fn says_why(gate: &GateInfo, part: &str) -> Result<()> {
    let missing = || async {
        let missing = not_ready(gate).await?;
        let told = missing
            .iter()
            .find(|(what, _)| what == part)
            .with_context(|| format!("/ready says {missing:?}"))?;
        ensure!(!told.1.is_empty(), "/ready does not say why");
        Ok(())
    };
    eventually("/ready says it", Duration::from_secs(20), missing).await
}

async fn ethereum_stops(world: &World) -> Result<()> {
    without_ethereum(world, Fault::Stopped).await
}

async fn ethereum_freezes(world: &World) -> Result<()> {
    without_ethereum(world, Fault::Frozen).await
}

async fn without_ethereum(world: &World, fault: Fault) -> Result<()> {
    let forgetful = |config: &mut toml::Table| {
        set(config, "cache", "positive_ttl", "1s");
        set(config, "cache", "negative_ttl", "100ms");
    };
    let gate = &world.gate_with(&format!("gate-{fault:?}").to_lowercase(), forgetful).await?;
    let cards = [world.ethereum.other_card()];
    let (newcomer, challenge) = newcomer(world, gate).await?;
    let (holder, handshake) = with_session(world, gate).await?;
    let unasked = world.ethereum.holder(&cards).await?;
    // Answers from before may be cached for a second.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let act = async {
        let answer = in_time("a sign-in", redeem(gate, &newcomer, &challenge)).await?;
        refused(&answer, 503, 111)?;
        let answer = in_time("a handshake", knock(gate, &handshake)).await?;
        refused(&answer, 503, 111)?;
        let site = SignIn::at(&gate.url)?;
        let answer = in_time("a question", site.eligibility(unasked.address())).await?;
        refused(&answer, 503, 111)?;
        let shown = shown(world, gate, handshake.id, &holder.account).await?;
        ensure!(shown.code() == Some(111), "the stock client shows {shown}");
        says_why(gate, "ethereum").await
    };
    fault.during(world, "anvil", act).await?;
    world.until_ready(gate).await?;
    // The same challenge and the same handshake succeed now.
    let answer = redeem(gate, &newcomer, &challenge).await?;
    ensure!(answer.status == 201, "{}", String::from_utf8_lossy(&answer.bytes));
    enter(gate, &handshake).await.map(drop)
}

async fn newcomer(world: &World, gate: &GateInfo) -> Result<(Wallet, Challenge)> {
    let wallet = world.ethereum.holder(&[world.ethereum.other_card()]).await?;
    let site = SignIn::at(&gate.url)?;
    let challenge = site.challenge(wallet.address(), &some_account(), None).await?;
    Ok((wallet, challenge))
}

async fn redeem(gate: &GateInfo, wallet: &Wallet, challenge: &Challenge) -> Result<Answer> {
    SignIn::at(&gate.url)?.bind(&challenge.message, &wallet.sign(&challenge.message)?).await
}

async fn with_session(world: &World, gate: &GateInfo) -> Result<(Holder, Handshake)> {
    let holder = world.holder(gate, &[world.ethereum.other_card()]).await?;
    let session = world.direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    Ok((holder, handshake))
}

async fn the_hub_stops(world: &World) -> Result<()> {
    without_hub(world, Fault::Stopped).await
}

async fn the_hub_freezes(world: &World) -> Result<()> {
    without_hub(world, Fault::Frozen).await
}

async fn without_hub(world: &World, fault: Fault) -> Result<()> {
    let gate = world.gate();
    let (holder, handshake) = with_session(world, gate).await?;
    let unknown = holder.account.wireguard_handshake(4_000_000_004)?;
    let (_, running) = with_session(world, gate).await?;
    let taken = enter(gate, &running).await?;
    let act = async {
        let answer = in_time("a session that nobody knows", knock(gate, &unknown)).await?;
        refused(&answer, 503, 112)?;
        says_why(gate, "hub").await?;
        // The gate has read this session, but the node has to query the hub again and waits longer than clients do.
        let answer = in_time("a session that is known", knock(gate, &handshake)).await?;
        refused(&answer, 503, 112)?;
        let shown = shown(world, gate, unknown.id, &holder.account).await?;
        ensure!(shown.code() == Some(112), "the stock client shows {shown}");
        // A sign-in does not need the hub.
        let (newcomer, challenge) = newcomer(world, gate).await?;
        let answer = in_time("a sign-in", redeem(gate, &newcomer, &challenge)).await?;
        ensure!(answer.status == 201, "{}", String::from_utf8_lossy(&answer.bytes));
        Ok(())
    };
    fault.during(world, "hub", act).await?;
    enter(gate, &handshake).await?;
    ensure!(enter(gate, &running).await?.bytes == taken.bytes, "the first answer is forgotten");
    Ok(())
}

async fn the_node_stops(world: &World) -> Result<()> {
    let gate = world.gate();
    let (holder, handshake) = with_session(world, gate).await?;
    let (_, running) = with_session(world, gate).await?;
    let taken = enter(gate, &running).await?;
    let name = &world.stack.nodes()[0].name;
    let act = async {
        let caller = Caller::fresh()?;
        refused(&in_time("GET /", caller.get(&format!("{}/", gate.url))).await?, 502, 114)?;
        let answer = in_time("a handshake", knock(gate, &handshake)).await?;
        refused(&answer, 502, 114)?;
        let shown = in_time("the stock client", shown(world, gate, handshake.id, &holder.account)).await?;
        ensure!(shown.code() == Some(114), "the stock client shows {shown}");
        let (newcomer, challenge) = newcomer(world, gate).await?;
        ensure!(redeem(gate, &newcomer, &challenge).await?.status == 201, "sign-in needs the node");
        ensure!(enter(gate, &running).await?.bytes == taken.bytes, "the first answer is forgotten");
        says_why(gate, "node").await
    };
    Fault::Stopped.during(world, name, act).await?;
    enter(gate, &handshake).await.map(drop)
}
