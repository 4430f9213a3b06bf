//! Programs on which the gate depends stop, freeze and return: meanwhile no new session is admitted and every request
//! is answered in time; afterwards nothing needs a restart.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::{Caller, Handshake, SignIn};
use sentinel_stack::info::GateInfo;

use crate::fixture::response_time::within_response_limit;
use crate::fixture::{
    Fixture, Holder, Newcomer, client_refusal, ensure_refusal, eventually, expect_admission, send_handshake,
    set_short_cache, unready_parts,
};
use crate::scenario::{Scenario, scenarios};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![exclusive:
        survives_stopped_ethereum,
        survives_frozen_ethereum,
        survives_stopped_hub,
        survives_frozen_hub,
        survives_stopped_node,
    ]
}

/// How a program becomes unavailable.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Stopped,
    Frozen,
}

impl Fault {
    async fn begin(self, fixture: &Fixture, program: &str) -> Result<()> {
        match self {
            Self::Stopped => fixture.stack.stop_program(program).await,
            Self::Frozen => fixture.stack.pause_program(program),
        }
    }

    async fn end(self, fixture: &Fixture, program: &str) -> Result<()> {
        match self {
            Self::Stopped => fixture.stack.start_program(program).await,
            Self::Frozen => fixture.stack.resume_program(program),
        }
    }

    /// Makes `program` unavailable, runs `act`, and brings the program back whatever the outcome. Every gate must
    /// become ready by itself.
    async fn run_during(
        self,
        fixture: &Fixture,
        program: &str,
        act: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        self.begin(fixture, program).await?;
        let done = act.await.with_context(|| format!("{program} {self:?}"));
        self.end(fixture, program).await?;
        done?;
        fixture.wait_until_ready(fixture.gate()).await.with_context(|| format!("{program} was {self:?}"))
    }
}

async fn expect_unready_reason(gate: &GateInfo, part: &str) -> Result<()> {
    let missing = || async {
        let missing = unready_parts(gate).await?;
        let found = missing
            .iter()
            .find(|(what, _)| what == part)
            .with_context(|| format!("/ready reports {missing:?}"))?;
        ensure!(!found.1.is_empty(), "/ready gives no reason");
        Ok(())
    };
    eventually("/ready reports it", Duration::from_secs(20), missing).await
}

async fn survives_stopped_ethereum(fixture: &Fixture) -> Result<()> {
    without_ethereum(fixture, Fault::Stopped).await
}

async fn survives_frozen_ethereum(fixture: &Fixture) -> Result<()> {
    without_ethereum(fixture, Fault::Frozen).await
}

async fn without_ethereum(fixture: &Fixture, fault: Fault) -> Result<()> {
    let gate = &fixture.start_gate(&format!("gate-{fault:?}").to_lowercase(), set_short_cache).await?;
    let cards = [fixture.ethereum.other_card()];
    let newcomer = Newcomer::create(fixture, gate).await?;
    let (holder, handshake) = create_holder_with_session(fixture, gate).await?;
    let unasked = fixture.ethereum.holder(&cards).await?;
    // Answers from before may be cached for a second.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let act = async {
        let answer = within_response_limit(gate, "a sign-in", newcomer.redeem(gate)).await?;
        ensure_refusal(&answer, 503, 111)?;
        let answer = within_response_limit(gate, "a handshake", send_handshake(gate, &handshake)).await?;
        ensure_refusal(&answer, 503, 111)?;
        let site = SignIn::at(&gate.url)?;
        let answer = within_response_limit(gate, "a question", site.eligibility(unasked.address())).await?;
        ensure_refusal(&answer, 503, 111)?;
        let refusal = client_refusal(fixture, gate, handshake.id, &holder.account).await?;
        ensure!(refusal.code() == Some(111), "the stock client shows {refusal}");
        expect_unready_reason(gate, "ethereum").await
    };
    fault.run_during(fixture, "anvil", act).await?;
    fixture.wait_until_ready(gate).await?;
    // The same challenge and the same handshake succeed now.
    let answer = newcomer.redeem(gate).await?;
    ensure!(answer.status == 201, "{}", String::from_utf8_lossy(&answer.bytes));
    expect_admission(gate, &handshake).await.map(drop)
}

async fn create_holder_with_session(fixture: &Fixture, gate: &GateInfo) -> Result<(Holder, Handshake)> {
    let holder = fixture.create_holder(gate, &[fixture.ethereum.other_card()]).await?;
    let session = fixture.open_direct_session(&holder.account).await?;
    let handshake = holder.account.wireguard_handshake(session)?;
    Ok((holder, handshake))
}

async fn survives_stopped_hub(fixture: &Fixture) -> Result<()> {
    without_hub(fixture, Fault::Stopped).await
}

async fn survives_frozen_hub(fixture: &Fixture) -> Result<()> {
    without_hub(fixture, Fault::Frozen).await
}

async fn without_hub(fixture: &Fixture, fault: Fault) -> Result<()> {
    let gate = fixture.gate();
    let (holder, handshake) = create_holder_with_session(fixture, gate).await?;
    let unknown = holder.account.wireguard_handshake(4_000_000_004)?;
    let (_, running) = create_holder_with_session(fixture, gate).await?;
    let first_answer = expect_admission(gate, &running).await?;
    let act = async {
        let answer =
            within_response_limit(gate, "a session that does not exist", send_handshake(gate, &unknown))
                .await?;
        ensure_refusal(&answer, 503, 112)?;
        expect_unready_reason(gate, "hub").await?;
        // The gate has read this session, but the node has to query the hub again and waits longer than clients do.
        let answer =
            within_response_limit(gate, "a session that the gate has read", send_handshake(gate, &handshake))
                .await?;
        ensure_refusal(&answer, 503, 112)?;
        let refusal = client_refusal(fixture, gate, unknown.id, &holder.account).await?;
        ensure!(refusal.code() == Some(112), "the stock client shows {refusal}");
        // A sign-in does not need the hub.
        let newcomer = Newcomer::create(fixture, gate).await?;
        let answer = within_response_limit(gate, "a sign-in", newcomer.redeem(gate)).await?;
        ensure!(answer.status == 201, "{}", String::from_utf8_lossy(&answer.bytes));
        Ok(())
    };
    fault.run_during(fixture, "hub", act).await?;
    expect_admission(gate, &handshake).await?;
    ensure!(
        expect_admission(gate, &running).await?.bytes == first_answer.bytes,
        "the first answer is forgotten"
    );
    Ok(())
}

async fn survives_stopped_node(fixture: &Fixture) -> Result<()> {
    let gate = fixture.gate();
    let (holder, handshake) = create_holder_with_session(fixture, gate).await?;
    let (_, running) = create_holder_with_session(fixture, gate).await?;
    let first_answer = expect_admission(gate, &running).await?;
    let name = &fixture.stack.nodes()[0].name;
    let act = async {
        let caller = Caller::fresh()?;
        ensure_refusal(
            &within_response_limit(gate, "GET /", caller.get(&format!("{}/", gate.url))).await?,
            502,
            114,
        )?;
        let answer = within_response_limit(gate, "a handshake", send_handshake(gate, &handshake)).await?;
        ensure_refusal(&answer, 502, 114)?;
        let refusal = within_response_limit(
            gate,
            "the stock client",
            client_refusal(fixture, gate, handshake.id, &holder.account),
        )
        .await?;
        ensure!(refusal.code() == Some(114), "the stock client shows {refusal}");
        let newcomer = Newcomer::create(fixture, gate).await?;
        ensure!(newcomer.redeem(gate).await?.status == 201, "sign-in needs the node");
        ensure!(
            expect_admission(gate, &running).await?.bytes == first_answer.bytes,
            "the first answer is forgotten"
        );
        expect_unready_reason(gate, "node").await
    };
    Fault::Stopped.run_during(fixture, name, act).await?;
    expect_admission(gate, &handshake).await.map(drop)
}
