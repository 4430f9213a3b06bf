//! Strangers act between the steps of a victim, which must see what it would see without them.

use std::time::{Duration, Instant};

use alloy::primitives::Address;
use anyhow::{Context as _, Result, bail, ensure};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use sentinel_proto::hub::SessionKind;
use sentinel_stack::actors::Wallet;

use super::{Sequence, random_pause, random_registry, run_sequences, token};
use crate::rights_fixture::{Device, PLACES, Registry};
use crate::rights_scene::{FIRST_SESSION, LocalAccount, Scene};
use crate::world::World;

/// Time limit for the gate to see that a session has ended on the hub.
const CANCEL_LIMIT: Duration = Duration::from_secs(6);
const STRANGERS: usize = 2;

/// The basis of a victim's sessions.
#[derive(Debug, Clone, Copy)]
enum Right {
    /// The wallet that signs in holds the card.
    OwnCard,
    /// A vault has delegated to the wallet.
    Vault(Registry),
    /// A vault has delegated to the wallet, and the sign-in names the vault.
    NamedVault(Registry),
}

/// An action of the victim.
#[derive(Debug, Clone, Copy)]
enum VictimStep {
    /// Signs in, for the first time or again.
    SignIn,
    /// Connects a device within its own places.
    Connect { of_plan: bool },
    /// Connects a device beyond its own places.
    ConnectBeyond,
    /// Repeats the handshake of a live device.
    Repeat,
    /// Cancels a session on the hub.
    Cancel,
    /// Transfers its card to itself.
    TransferToItself,
}

/// An action of a stranger with a vault that holds a card, or of a hot wallet of that vault.
#[derive(Debug, Clone, Copy)]
enum StrangerStep {
    /// The vault delegates to the victim's wallet.
    Delegate(Registry),
    /// The vault revokes that delegation.
    Revoke(Registry),
    /// The victim's wallet receives a card.
    Gift { this_card: bool },
    /// The vault signs in for the victim's account.
    SignInForVictim,
    /// A hot wallet of the vault signs in for the victim's account.
    SignInForVictimByHotWallet(Registry),
    /// Ends the latest of these bindings.
    UnbindFromVictim,
    /// Queries the eligibility of the victim's wallet without authentication, with or without the stranger's vault.
    Question { named: bool },
    /// Connects a device of its own account.
    Connect { of_plan: bool },
    /// Sells the vault's card.
    Sell,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Victim(VictimStep),
    Stranger(usize, StrangerStep),
}

/// A step and the time until the next one.
type TimedStep = (Step, Duration);

#[derive(Debug, Clone)]
struct StrangersSequence {
    right: Right,
    victim_has_this_card: bool,
    strangers_have_this_card: [bool; STRANGERS],
    steps: Vec<TimedStep>,
}

impl Sequence for StrangersSequence {
    type Step = TimedStep;

    fn of_seed(seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed);
        let registry = random_registry(rng);
        let right = *[Right::OwnCard, Right::Vault(registry), Right::NamedVault(registry)]
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

    async fn run(&self, scene: &Scene) -> Result<()> {
        let mut play = StrangersPlay::prepare(scene, self).await?;
        let ended = play.run(&self.steps).await;
        play.clean_up();
        ended
    }
}

fn random_step(rng: &mut StdRng) -> Step {
    if rng.random_bool(0.45) {
        return Step::Victim(match rng.random_range(0..12) {
            0..2 => VictimStep::SignIn,
            2..8 => VictimStep::Connect { of_plan: rng.random() },
            8 => VictimStep::ConnectBeyond,
            9 => VictimStep::Repeat,
            10 => VictimStep::Cancel,
            _ => VictimStep::TransferToItself,
        });
    }
    let step = match rng.random_range(0..16) {
        0..4 => StrangerStep::Delegate(random_registry(rng)),
        4 => StrangerStep::Revoke(random_registry(rng)),
        5 => StrangerStep::Gift { this_card: rng.random() },
        6..8 => StrangerStep::SignInForVictim,
        8 => StrangerStep::SignInForVictimByHotWallet(random_registry(rng)),
        9 => StrangerStep::UnbindFromVictim,
        10 => StrangerStep::Question { named: rng.random() },
        11..15 => StrangerStep::Connect { of_plan: rng.random() },
        _ => StrangerStep::Sell,
    };
    Step::Stranger(rng.random_range(0..STRANGERS), step)
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
struct StrangersPlay<'a> {
    scene: &'a Scene,
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

impl<'a> StrangersPlay<'a> {
    async fn prepare(scene: &'a Scene, sequence: &StrangersSequence) -> Result<Self> {
        let (ethereum, this_card) = (&scene.ethereum, sequence.victim_has_this_card);
        let holder = ethereum.holder(&[scene.card(this_card)]).await?;
        let (wallet, named_vault) = match sequence.right {
            Right::OwnCard => (holder.clone(), None),
            Right::Vault(registry) | Right::NamedVault(registry) => {
                let hot = Wallet::fresh();
                scene.delegate(registry, holder.address(), hot.address()).await?;
                let named = matches!(sequence.right, Right::NamedVault(_)).then(|| holder.address());
                (hot, named)
            }
        };
        let mut strangers = Vec::new();
        for this_card in sequence.strangers_have_this_card {
            strangers.push(Stranger {
                vault: ethereum.holder(&[scene.card(this_card)]).await?,
                this_card,
                sold: false,
                account: LocalAccount::fresh()?,
                signed_in: false,
                tokens: Vec::new(),
                sessions: Vec::new(),
            });
        }
        Ok(Self {
            scene,
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
        self.scene.look().await?;
        self.no_session_is_lost().context("after the last step")
    }

    fn no_session_is_lost(&self) -> Result<()> {
        let watched = self.scene.watched();
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
                let (scene, account) = (self.scene, self.account.address);
                let answer = scene.sign_in(&self.wallet, account, self.named_vault).await?;
                answer.result().context("the victim's sign-in")?;
                self.signed_in = true;
                Ok(())
            }
            VictimStep::Connect { of_plan } => self.connect(of_plan).await,
            VictimStep::ConnectBeyond => self.connect_beyond().await,
            VictimStep::Repeat => {
                let Some((device, _)) = self.live.first() else { return Ok(()) };
                let answer = self.scene.knock_patiently(&device.handshake, &[]).await?;
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
                self.scene.transfer(holder, holder, self.scene.card(self.this_card)).await
            }
        }
    }

    /// Within its own places the victim is admitted.
    async fn connect(&mut self, of_plan: bool) -> Result<()> {
        if !self.signed_in || self.live.len() >= PLACES {
            return Ok(());
        }
        let kind = self.scene.kind(self.this_card, of_plan);
        let session = self.open_session(kind);
        let (handshake, key) = self.account.handshake(session)?;
        let answer = self.scene.knock_patiently(&handshake, &[]).await?;
        let used = self.live.len();
        answer.result().with_context(|| format!("{used} of the victim's {PLACES} own places are in use"))?;
        self.keep(Device { session, key, handshake, answer: answer.bytes }, kind);
        Ok(())
    }

    fn open_session(&mut self, kind: SessionKind) -> u64 {
        let session = self.scene.open_session(self.account.address, kind);
        self.sessions.push(session);
        session
    }

    fn keep(&mut self, device: Device, kind: SessionKind) {
        self.scene.watched().expected.insert(device.session, device.key.clone());
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
        let answer = self.scene.knock_patiently(&handshake, &[]).await?;
        if answer.result().is_ok() {
            let device = Device { session, key, handshake, answer: answer.bytes };
            return self.cancel(&device, kind).await;
        }
        ensure!(answer.code() == Some(107), "beyond the places: {} {}", answer.status, answer.body);
        let sentence = answer.message();
        let numbers = sentence.split(|c: char| !c.is_ascii_digit()).filter_map(|text| text.parse().ok());
        let sessions = numbers.filter(|number: &u64| *number >= FIRST_SESSION);
        let foreign: Vec<u64> = sessions.filter(|session| !self.sessions.contains(session)).collect();
        ensure!(foreign.is_empty(), "names sessions {foreign:?} of other accounts: {sentence}");
        Ok(())
    }

    /// Ends a session on the hub, waits until the gate has seen it, and removes its peer at the node.
    async fn cancel(&self, device: &Device, kind: SessionKind) -> Result<()> {
        let scene = self.scene;
        scene.watched().expected.remove(&device.session);
        scene.cancel_session(device.session, self.account.address, kind);
        let begun = Instant::now();
        while scene.node.passes(&device.key) {
            ensure!(begun.elapsed() < CANCEL_LIMIT, "a cancelled session passes packets");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        scene.node.end_session(device.session);
        Ok(())
    }

    async fn stranger_acts(&mut self, number: usize, step: StrangerStep) -> Result<()> {
        let (scene, victim, victims_account) = (self.scene, self.wallet.address(), self.account.address);
        let stranger = &mut self.strangers[number];
        let vault = stranger.vault.address();
        match step {
            StrangerStep::Delegate(registry) => scene.delegate(registry, vault, victim).await,
            // Without a delegation the transaction reverts, which changes nothing either.
            StrangerStep::Revoke(registry) => scene.revoke(registry, vault, victim).await.or(Ok(())),
            StrangerStep::Gift { this_card } => scene.ethereum.mint(victim, scene.card(this_card)).await,
            StrangerStep::SignInForVictim => {
                let answer = scene.sign_in(&stranger.vault, victims_account, None).await?;
                stranger.tokens.extend(token(&answer));
                Ok(())
            }
            StrangerStep::SignInForVictimByHotWallet(registry) => {
                let hot = Wallet::fresh();
                scene.delegate(registry, vault, hot.address()).await?;
                let answer = scene.sign_in(&hot, victims_account, None).await?;
                stranger.tokens.extend(token(&answer));
                Ok(())
            }
            StrangerStep::UnbindFromVictim => match stranger.tokens.pop() {
                Some(token) => scene.unbind(&token).await,
                None => Ok(()),
            },
            StrangerStep::Question { named } => {
                let named = if named { format!("&vault={vault}") } else { String::new() };
                let url = format!("{}/gate/eligibility?wallet={victim}{named}", scene.url);
                scene.caller.get(&url).await.map(drop)
            }
            StrangerStep::Connect { of_plan } => {
                if !stranger.signed_in {
                    let account = stranger.account.address;
                    stranger.signed_in = scene.sign_in(&stranger.vault, account, None).await?.status == 201;
                }
                // Up to its limit: what counts is the effect on the victim.
                if stranger.sessions.len() < PLACES {
                    let kind = scene.kind(stranger.this_card, of_plan);
                    let session = scene.open_session(stranger.account.address, kind);
                    stranger.sessions.push(session);
                    scene.knock_patiently(&stranger.account.handshake(session)?.0, &[]).await?;
                }
                Ok(())
            }
            StrangerStep::Sell => {
                if !std::mem::replace(&mut stranger.sold, true) {
                    let card = scene.card(stranger.this_card);
                    scene.transfer(vault, Wallet::fresh().address(), card).await?;
                }
                Ok(())
            }
        }
    }

    /// Frees the node's slots for other sequences.
    fn clean_up(&self) {
        let mut watched = self.scene.watched();
        for session in &self.sessions {
            watched.expected.remove(session);
        }
        drop(watched);
        let foreign = self.strangers.iter().flat_map(|stranger| &stranger.sessions);
        self.sessions.iter().chain(foreign).for_each(|session| self.scene.end_session(*session));
    }
}

pub(super) async fn random_strangers_change_nothing_for_a_victim(world: &World) -> Result<()> {
    run_sequences::<StrangersSequence>(world, "gate-random-strangers", 200).await
}
