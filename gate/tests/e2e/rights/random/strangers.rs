//! Strangers act between the steps of a victim, which must see what it would see without them.

use std::time::{Duration, Instant};

use alloy::primitives::Address;
use anyhow::{Context as _, Result, bail, ensure};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use sentinel_proto::hub::SessionKind;
use sentinel_stack::actors::Wallet;

use super::stranger_steps::{STRANGERS, Step, StrangerStep, TimedStep, VictimBasis, VictimStep, random_step};
use super::{Sequence, random_pause, random_registry, run_sequences, token};
use crate::fixture::Fixture;
use crate::rights::steps::{Device, PLACES};
use crate::rights::stubbed_gate::{FIRST_SESSION, LocalAccount, StubbedGate};

/// Time limit for the gate to see that a session has ended on the hub.
const CANCEL_LIMIT: Duration = Duration::from_secs(6);

#[derive(Debug, Clone)]
struct StrangersSequence {
    right: VictimBasis,
    victim_has_this_card: bool,
    strangers_have_this_card: [bool; STRANGERS],
    steps: Vec<TimedStep>,
}

impl Sequence for StrangersSequence {
    type Step = TimedStep;

    fn of_seed(seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed);
        let registry = random_registry(rng);
        let right = *[VictimBasis::OwnCard, VictimBasis::Vault(registry), VictimBasis::NamedVault(registry)]
            .choose(rng)
            .expect("there are three");
        let steps = (0..rng.random_range(8..18)).map(|_| (random_step(rng), random_pause(rng))).collect();
        Self { right, victim_has_this_card: rng.random(), strangers_have_this_card: rng.random(), steps }
    }

    fn steps(&mut self) -> &mut Vec<TimedStep> {
        &mut self.steps
    }

    fn describe(&self) -> String {
        format!(
            "victim: {:?}, THIS card: {}; strangers with THIS card: {:?}",
            self.right, self.victim_has_this_card, self.strangers_have_this_card
        )
    }

    async fn run(&self, stubbed_gate: &StubbedGate) -> Result<()> {
        let mut run = StrangersRun::prepare(stubbed_gate, self).await?;
        let ended = run.run(&self.steps).await;
        run.clean_up();
        ended
    }
}

/// A stranger with a vault and an account of its own.
struct Stranger {
    vault: Wallet,
    this_card: bool,
    sold: bool,
    account: LocalAccount,
    signed_in: bool,
    tokens: Vec<String>,
    sessions: Vec<u64>,
}

/// A sequence in progress.
struct StrangersRun<'a> {
    stubbed_gate: &'a StubbedGate,
    wallet: Wallet,
    /// Holds the victim's card.
    holder: Wallet,
    named_vault: Option<Address>,
    this_card: bool,
    account: LocalAccount,
    signed_in: bool,
    live: Vec<(Device, SessionKind)>,
    /// All sessions of the victim, including ended ones.
    sessions: Vec<u64>,
    strangers: Vec<Stranger>,
}

impl<'a> StrangersRun<'a> {
    async fn prepare(stubbed_gate: &'a StubbedGate, sequence: &StrangersSequence) -> Result<Self> {
        let (ethereum, this_card) = (&stubbed_gate.ethereum, sequence.victim_has_this_card);
        let holder = ethereum.holder(&[stubbed_gate.card(this_card)]).await?;
        let (wallet, named_vault) = match sequence.right {
            VictimBasis::OwnCard => (holder.clone(), None),
            VictimBasis::Vault(registry) | VictimBasis::NamedVault(registry) => {
                let hot = Wallet::fresh();
                stubbed_gate.delegate(registry, holder.address(), hot.address()).await?;
                let named = matches!(sequence.right, VictimBasis::NamedVault(_)).then(|| holder.address());
                (hot, named)
            }
        };
        let mut strangers = Vec::new();
        for this_card in sequence.strangers_have_this_card {
            strangers.push(Stranger {
                vault: ethereum.holder(&[stubbed_gate.card(this_card)]).await?,
                this_card,
                sold: false,
                account: LocalAccount::fresh()?,
                signed_in: false,
                tokens: Vec::new(),
                sessions: Vec::new(),
            });
        }
        Ok(Self {
            stubbed_gate,
            wallet,
            holder,
            named_vault,
            this_card,
            account: LocalAccount::fresh()?,
            signed_in: false,
            live: Vec::new(),
            sessions: Vec::new(),
            strangers,
        })
    }

    async fn run(&mut self, steps: &[TimedStep]) -> Result<()> {
        for (number, (step, pause)) in steps.iter().enumerate() {
            let done = match *step {
                Step::Victim(step) => self.victim_acts(step).await,
                Step::Stranger(stranger, step) => self.stranger_acts(stranger, step).await,
            };
            done.and_then(|()| self.no_session_is_lost())
                .with_context(|| format!("step {number}: {step:?}"))?;
            tokio::time::sleep(*pause).await;
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
        self.stubbed_gate.wait_for_two_checks().await?;
        self.no_session_is_lost().context("after the last step")
    }

    fn no_session_is_lost(&self) -> Result<()> {
        let watched = self.stubbed_gate.session_watch();
        for (device, _) in &self.live {
            if let Some(seen) = watched.violations.get(&device.session) {
                bail!("session {} of the victim is not live: {seen}", device.session);
            }
        }
        Ok(())
    }

    async fn victim_acts(&mut self, step: VictimStep) -> Result<()> {
        match step {
            VictimStep::SignIn => {
                let (stubbed_gate, account) = (self.stubbed_gate, self.account.address);
                let answer = stubbed_gate.sign_in(&self.wallet, account, self.named_vault).await?;
                answer.result().context("the victim's sign-in")?;
                self.signed_in = true;
                Ok(())
            }
            VictimStep::Connect { of_plan } => self.connect(of_plan).await,
            VictimStep::ConnectBeyond => self.connect_beyond().await,
            VictimStep::Repeat => {
                let Some((device, _)) = self.live.first() else { return Ok(()) };
                let answer = self.stubbed_gate.send_handshake_with_retry(&device.handshake).await?;
                answer.result().context("a repeat of a live session of the victim")?;
                ensure!(answer.bytes == device.answer, "a repeat has another answer");
                Ok(())
            }
            VictimStep::Cancel => {
                let Some((device, kind)) = self.live.pop() else { return Ok(()) };
                self.cancel(&device, kind).await
            }
            VictimStep::TransferToItself => {
                let holder = self.holder.address();
                self.stubbed_gate.transfer(holder, holder, self.stubbed_gate.card(self.this_card)).await
            }
        }
    }

    /// Within its own places the victim is admitted.
    async fn connect(&mut self, of_plan: bool) -> Result<()> {
        if !self.signed_in || self.live.len() >= PLACES {
            return Ok(());
        }
        let kind = self.stubbed_gate.session_kind(self.this_card, of_plan);
        let session = self.open_session(kind);
        let (handshake, key) = self.account.handshake(session)?;
        let answer = self.stubbed_gate.send_handshake_with_retry(&handshake).await?;
        let used = self.live.len();
        answer.result().with_context(|| format!("{used} of the victim's {PLACES} own places are in use"))?;
        self.keep_device(Device { session, key, handshake, answer: answer.bytes }, kind);
        Ok(())
    }

    fn open_session(&mut self, kind: SessionKind) -> u64 {
        let session = self.stubbed_gate.open_session(self.account.address, kind);
        self.sessions.push(session);
        session
    }

    fn keep_device(&mut self, device: Device, kind: SessionKind) {
        self.stubbed_gate.session_watch().expected.insert(device.session, device.key.clone());
        self.live.push((device, kind));
    }

    /// Beyond its own places the victim is refused with its own sessions, or admitted by the card of a stranger; such
    /// a session is ended at once, as the stranger may revoke that right.
    async fn connect_beyond(&mut self) -> Result<()> {
        if !self.signed_in || self.live.len() < PLACES {
            return Ok(());
        }
        let kind = SessionKind::Direct;
        let session = self.open_session(kind);
        let (handshake, key) = self.account.handshake(session)?;
        let answer = self.stubbed_gate.send_handshake_with_retry(&handshake).await?;
        if answer.result().is_ok() {
            let device = Device { session, key, handshake, answer: answer.bytes };
            return self.cancel(&device, kind).await;
        }
        ensure!(answer.code() == Some(107), "beyond the places: {} {}", answer.status, answer.body);
        let message = answer.message();
        let numbers = message.split(|c: char| !c.is_ascii_digit()).filter_map(|text| text.parse().ok());
        let sessions = numbers.filter(|number: &u64| *number >= FIRST_SESSION);
        let foreign: Vec<u64> = sessions.filter(|session| !self.sessions.contains(session)).collect();
        ensure!(foreign.is_empty(), "names sessions {foreign:?} of other accounts: {message}");
        Ok(())
    }

    /// Ends a session on the hub, waits until the gate has seen it, and removes its peer at the node.
    async fn cancel(&self, device: &Device, kind: SessionKind) -> Result<()> {
        let stubbed_gate = self.stubbed_gate;
        stubbed_gate.session_watch().expected.remove(&device.session);
        stubbed_gate.cancel_session(device.session, self.account.address, kind);
        let begun = Instant::now();
        while stubbed_gate.node.passes_packets(&device.key) {
            ensure!(begun.elapsed() < CANCEL_LIMIT, "a cancelled session passes packets");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        stubbed_gate.node.end_session(device.session);
        Ok(())
    }

    async fn stranger_acts(&mut self, number: usize, step: StrangerStep) -> Result<()> {
        let (stubbed_gate, victim, victims_account) =
            (self.stubbed_gate, self.wallet.address(), self.account.address);
        let stranger = &mut self.strangers[number];
        let vault = stranger.vault.address();
        match step {
            StrangerStep::Delegate(registry) => stubbed_gate.delegate(registry, vault, victim).await,
            // Without a delegation the transaction reverts, which changes nothing either.
            StrangerStep::Revoke(registry) => stubbed_gate.revoke(registry, vault, victim).await.or(Ok(())),
            StrangerStep::Gift { this_card } => {
                stubbed_gate.ethereum.mint(victim, stubbed_gate.card(this_card)).await
            }
            StrangerStep::SignInForVictim => {
                let answer = stubbed_gate.sign_in(&stranger.vault, victims_account, None).await?;
                stranger.tokens.extend(token(&answer));
                Ok(())
            }
            StrangerStep::SignInForVictimByHotWallet(registry) => {
                let hot = Wallet::fresh();
                stubbed_gate.delegate(registry, vault, hot.address()).await?;
                let answer = stubbed_gate.sign_in(&hot, victims_account, None).await?;
                stranger.tokens.extend(token(&answer));
                Ok(())
            }
            StrangerStep::UnbindFromVictim => match stranger.tokens.pop() {
                Some(token) => stubbed_gate.unbind(&token).await,
                None => Ok(()),
            },
            StrangerStep::QueryEligibility { named } => {
                let named = if named { format!("&vault={vault}") } else { String::new() };
                let url = format!("{}/gate/eligibility?wallet={victim}{named}", stubbed_gate.url);
                stubbed_gate.caller.get(&url).await.map(drop)
            }
            StrangerStep::Connect { of_plan } => {
                if !stranger.signed_in {
                    let account = stranger.account.address;
                    stranger.signed_in =
                        stubbed_gate.sign_in(&stranger.vault, account, None).await?.status == 201;
                }
                // Up to its limit: what counts is the effect on the victim.
                if stranger.sessions.len() < PLACES {
                    let kind = stubbed_gate.session_kind(stranger.this_card, of_plan);
                    let session = stubbed_gate.open_session(stranger.account.address, kind);
                    stranger.sessions.push(session);
                    stubbed_gate.send_handshake_with_retry(&stranger.account.handshake(session)?.0).await?;
                }
                Ok(())
            }
            StrangerStep::Sell => {
                if !std::mem::replace(&mut stranger.sold, true) {
                    let card = stubbed_gate.card(stranger.this_card);
                    stubbed_gate.transfer(vault, Wallet::fresh().address(), card).await?;
                }
                Ok(())
            }
        }
    }

    /// Frees the node's slots for other sequences.
    fn clean_up(&self) {
        let mut watched = self.stubbed_gate.session_watch();
        for session in &self.sessions {
            watched.expected.remove(session);
        }
        drop(watched);
        let foreign = self.strangers.iter().flat_map(|stranger| &stranger.sessions);
        self.sessions.iter().chain(foreign).for_each(|session| self.stubbed_gate.end_session(*session));
    }
}

pub(super) async fn random_strangers_change_nothing_for_a_victim(fixture: &Fixture) -> Result<()> {
    run_sequences::<StrangersSequence>(fixture, "gate-random-strangers", 200).await
}
