//! Random sequences against a running gate. Strangers act between the steps of a victim, which must see what it would see
//! without them; and one holder acts over many accounts, whose peers must stay within the holder's slots.
//!
//! `RIGHTS_SEED` sets the seed of the first sequence, `RIGHTS_SEQUENCES` their number. A failure tells the seed of its
//! sequence and the steps that are left after shrinking. Cards and delegations are on the real EVM chain; hub and node
//! are stand-ins of this process, which is what makes hundreds of sequences cheap.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alloy::primitives::Address;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use futures::StreamExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use sentinel_proto::hub::SessionKind;
use sentinel_stack::actors::{Answer, Wallet};

use crate::rights_fixture::{PLACES, Registry, SLOT_ALLOWANCE};
use crate::rights_scene::{Admitted, FIRST_SESSION, LocalAccount, Scene};
use crate::trial::{Trial, trials};
use crate::world::World;

pub(crate) fn trials() -> Vec<Trial> {
    trials![random_strangers_change_nothing_for_a_victim, random_accounts_of_a_holder_stay_within_its_slots]
}

const DEFAULT_SEED: u64 = 6529;
/// Sequences side by side. The node has 250 slots, and a sequence uses up to 12.
const CONCURRENCY: usize = 12;
/// No further sequence begins after this time: a trial must end within two minutes.
const TIME_LIMIT: Duration = Duration::from_secs(80);
const SHRINK_LIMIT: Duration = Duration::from_secs(20);
/// For the gate to see that a session has ended on the hub.
const CANCEL_LIMIT: Duration = Duration::from_secs(6);
const STRANGERS: usize = 2;

/// Numbers of the sequences, from the environment.
fn seeds(default_count: usize) -> impl Iterator<Item = u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("RIGHTS_SEED").unwrap_or(DEFAULT_SEED);
    let count = number("RIGHTS_SEQUENCES").unwrap_or(default_count as u64);
    (0..count).map(move |index| first.wrapping_add(index))
}

/// A sequence of steps that can be run, and run again with fewer steps.
trait Sequence: Clone {
    /// A step and the time until the next one.
    type Step: Clone + std::fmt::Debug;

    /// The sequence of a seed.
    fn of_seed(seed: u64) -> Self;
    /// Its steps.
    fn steps(&mut self) -> &mut Vec<Self::Step>;
    /// What it begins with.
    fn describe(&self) -> String;
    /// Runs it; `Err`: a property does not hold.
    async fn run(&self, scene: &Scene) -> Result<()>;
}

/// Runs sequences side by side; the first failure is shrunk and told.
async fn run_sequences<S: Sequence>(world: &World, name: &str, default_count: usize) -> Result<()> {
    let scene = Scene::start(world, name).await?;
    let (begun, done) = (Instant::now(), AtomicUsize::new(0));
    let runs = futures::stream::iter(seeds(default_count)).map(|seed| {
        let (scene, done) = (&scene, &done);
        async move {
            if begun.elapsed() > TIME_LIMIT {
                return Ok(());
            }
            let sequence = S::of_seed(seed);
            let ran = sequence.run(scene).await;
            done.fetch_add(1, Ordering::SeqCst);
            ran.map_err(|error| (seed, sequence, error))
        }
    });
    let mut runs = Box::pin(runs.buffer_unordered(CONCURRENCY));
    let all = async {
        while let Some(ran) = runs.next().await {
            if let Err((seed, sequence, error)) = ran {
                let first = format!("{error:#}");
                // The others are ended: what they have under way may be half done, and is nothing to this one.
                drop(runs);
                return Err(shrink(&scene, seed, sequence, first).await);
            }
        }
        Ok(())
    };
    let ended = tokio::select! {
        ended = all => ended,
        failed = scene.watch_sessions() => failed,
    };
    let count = done.load(Ordering::SeqCst);
    ended.with_context(|| format!("after {count} sequences in {:?}", begun.elapsed()))?;
    eprintln!("{name}: {count} sequences in {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Leaves out steps that the failure does not need: first many at once, then single ones. Candidates run side by side.
async fn shrink<S: Sequence>(scene: &Scene, seed: u64, sequence: S, first: String) -> anyhow::Error {
    let (begun, mut smallest, mut message) = (Instant::now(), sequence, first.clone());
    let mut size = smallest.steps().len().div_ceil(2);
    while size > 0 && begun.elapsed() < SHRINK_LIMIT {
        let starts = (0..smallest.steps().len()).step_by(size).rev();
        let candidates = starts.map(|start| {
            let mut candidate = smallest.clone();
            let end = candidate.steps().len().min(start + size);
            candidate.steps().drain(start..end);
            async move { candidate.run(scene).await.err().map(|error| (candidate, format!("{error:#}"))) }
        });
        let mut runs = Box::pin(futures::stream::iter(candidates).buffer_unordered(CONCURRENCY));
        let mut smaller = None;
        while let Some(ran) = runs.next().await {
            smaller = smaller.or(ran);
        }
        drop(runs);
        match smaller {
            Some(failed) => (smallest, message) = failed,
            None if size == 1 => break,
            None => size = size.div_ceil(2),
        }
    }
    let steps: Vec<String> = smallest.steps().iter().map(|step| format!("  {step:?}")).collect();
    let (begins, steps) = (smallest.describe(), steps.join("\n"));
    anyhow!("RIGHTS_SEED={seed}: {first}\nshrunk: {message}\n{begins}\n{steps}")
}

/// What a victim rests on.
#[derive(Debug, Clone, Copy)]
enum Right {
    /// The wallet that signs in holds the card.
    OwnCard,
    /// A vault delegated to it.
    Vault(Registry),
    /// The same, and the sign-in names the vault.
    NamedVault(Registry),
}

/// What a victim does.
#[derive(Debug, Clone, Copy)]
enum VictimStep {
    /// Signs in, first or again.
    SignIn,
    /// Connects a device within its own places.
    Connect { of_plan: bool },
    /// Connects a device beyond its own places.
    ConnectBeyond,
    /// Repeats the handshake of a live device.
    Repeat,
    /// Cancels a session on the hub.
    Cancel,
    /// Sends its card to itself.
    TransferToItself,
}

/// What a stranger does. A vault with a card acts, and a hot wallet of it.
#[derive(Debug, Clone, Copy)]
enum StrangerStep {
    /// The vault delegates to the victim's wallet.
    Delegate(Registry),
    /// It takes that back.
    Revoke(Registry),
    /// The victim's wallet gets a card.
    Gift { this_card: bool },
    /// The vault signs in for the victim's account.
    SignInForVictim,
    /// A hot wallet of the vault does.
    SignInForVictimByHotWallet(Registry),
    /// The last of these sign-ins is ended.
    UnbindFromVictim,
    /// A question without authentication about the victim's wallet, with the stranger's vault named or without.
    Question { named: bool },
    /// Connects a device of its own, after a sign-in for an account of its own.
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

fn random_registry(rng: &mut StdRng) -> Registry {
    if rng.random() { Registry::Nft6529 } else { Registry::DelegateXyz }
}

/// Most steps follow at once, some give the gate time.
fn random_pause(rng: &mut StdRng) -> Duration {
    Duration::from_millis(if rng.random_bool(0.6) { 0 } else { rng.random_range(0..300) })
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

/// A sequence that runs.
struct StrangersPlay<'a> {
    scene: &'a Scene,
    wallet: Wallet,
    /// Holds the victim's card.
    holder: Wallet,
    named_vault: Option<Address>,
    this_card: bool,
    account: LocalAccount,
    signed_in: bool,
    live: Vec<(Admitted, SessionKind)>,
    /// All sessions of the victim, also those that have ended.
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
        self.keep(Admitted { session, key, handshake, answer: answer.bytes }, kind);
        Ok(())
    }

    fn open_session(&mut self, kind: SessionKind) -> u64 {
        let session = self.scene.open_session(self.account.address, kind);
        self.sessions.push(session);
        session
    }

    fn keep(&mut self, device: Admitted, kind: SessionKind) {
        self.scene.watched().expected.insert(device.session, device.key.clone());
        self.live.push((device, kind));
    }

    /// Beyond its own places the victim is refused with its own sessions, or rests on what a stranger has given; such
    /// a session ends at once, as the stranger may take that back.
    async fn connect_beyond(&mut self) -> Result<()> {
        if !self.signed_in || self.live.len() < PLACES {
            return Ok(());
        }
        let kind = SessionKind::Direct;
        let session = self.open_session(kind);
        let (handshake, key) = self.account.handshake(session)?;
        let answer = self.scene.knock_patiently(&handshake, &[]).await?;
        if answer.result().is_ok() {
            let device = Admitted { session, key, handshake, answer: answer.bytes };
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

    /// Ends a session on the hub and waits until the gate has seen it. The node removes its peer.
    async fn cancel(&self, device: &Admitted, kind: SessionKind) -> Result<()> {
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
            // Without a delegation this fails on chain, which changes nothing either.
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
                // Up to its limit: what counts is what this does to the victim.
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

fn token(answer: &Answer) -> Option<String> {
    answer.body["result"]["token"].as_str().map(str::to_owned)
}

/// What a holder does to occupy as many slots as it can.
#[derive(Debug, Clone, Copy)]
enum HolderStep {
    /// A wallet of the holder signs in for an account.
    SignIn { wallet: usize, account: usize },
    /// The last sign-in for an account is ended.
    Unbind { account: usize },
    /// An account connects so many devices at once.
    Connect { account: usize, count: usize },
    /// The oldest session of an account is cancelled on the hub.
    Cancel { account: usize },
    /// The node looks at its sessions and removes the peers of those that are cancelled.
    NodeLooks,
    /// The card is sold and comes back.
    SellAndReturn,
}

const HOT_WALLETS: usize = 3;
const HOLDER_ACCOUNTS: usize = 5;

#[derive(Debug, Clone)]
struct HolderSequence {
    this_card: bool,
    registries: [Registry; HOT_WALLETS],
    steps: Vec<(HolderStep, Duration)>,
}

impl Sequence for HolderSequence {
    type Step = (HolderStep, Duration);

    fn of_seed(seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed);
        let registries = std::array::from_fn(|_| random_registry(rng));
        let mut last = 0;
        let mut timed_step = |rng: &mut StdRng| (random_holder_step(rng, &mut last), random_pause(rng));
        let steps = (0..rng.random_range(20..36)).map(|_| timed_step(rng)).collect();
        Self { this_card: rng.random(), registries, steps }
    }

    fn steps(&mut self) -> &mut Vec<(HolderStep, Duration)> {
        &mut self.steps
    }

    fn describe(&self) -> String {
        format!("vault with THIS card: {}, hot wallets by {:?}", self.this_card, self.registries)
    }

    async fn run(&self, scene: &Scene) -> Result<()> {
        let mut play = HolderPlay::prepare(scene, self).await?;
        let ended = play.run(&self.steps).await;
        play.sessions.iter().for_each(|session| scene.end_session(session.id));
        ended
    }
}

/// Most steps are about the account of the last sign-in, as slots are taken by going from one account to the next.
fn random_holder_step(rng: &mut StdRng, last: &mut usize) -> HolderStep {
    let account = if rng.random_bool(0.7) { *last } else { rng.random_range(0..HOLDER_ACCOUNTS) };
    match rng.random_range(0..20) {
        0..6 => {
            *last = rng.random_range(0..HOLDER_ACCOUNTS);
            HolderStep::SignIn { wallet: rng.random_range(0..=HOT_WALLETS), account: *last }
        }
        6..10 => HolderStep::Unbind { account },
        10..17 => HolderStep::Connect { account, count: rng.random_range(1..=PLACES) },
        17 => HolderStep::Cancel { account },
        18 => HolderStep::NodeLooks,
        _ => HolderStep::SellAndReturn,
    }
}

struct HolderSession {
    id: u64,
    account: usize,
    cancelled: bool,
}

struct HolderPlay<'a> {
    scene: &'a Scene,
    this_card: bool,
    /// The vault and its hot wallets.
    wallets: Vec<Wallet>,
    accounts: Vec<LocalAccount>,
    tokens: Vec<Vec<String>>,
    sessions: Vec<HolderSession>,
    keys: Vec<String>,
}

impl<'a> HolderPlay<'a> {
    async fn prepare(scene: &'a Scene, sequence: &HolderSequence) -> Result<Self> {
        let vault = scene.ethereum.holder(&[scene.card(sequence.this_card)]).await?;
        let mut wallets = vec![vault];
        for registry in sequence.registries {
            let hot = Wallet::fresh();
            scene.delegate(registry, wallets[0].address(), hot.address()).await?;
            wallets.push(hot);
        }
        Ok(Self {
            scene,
            this_card: sequence.this_card,
            wallets,
            accounts: (0..HOLDER_ACCOUNTS).map(|_| LocalAccount::fresh()).collect::<Result<_>>()?,
            tokens: vec![Vec::new(); HOLDER_ACCOUNTS],
            sessions: Vec::new(),
            keys: Vec::new(),
        })
    }

    async fn run(&mut self, steps: &[(HolderStep, Duration)]) -> Result<()> {
        for (number, (step, pause)) in steps.iter().enumerate() {
            self.act(*step).await.with_context(|| format!("step {number}: {step:?}"))?;
            let (held, bound) = (self.scene.node.held_slots(&self.keys), PLACES + SLOT_ALLOWANCE);
            ensure!(held <= bound, "step {number}: {step:?}: {held} peers of one holder, not {bound}");
            tokio::time::sleep(*pause).await;
        }
        Ok(())
    }

    async fn act(&mut self, step: HolderStep) -> Result<()> {
        let scene = self.scene;
        match step {
            HolderStep::SignIn { wallet, account } => {
                let address = self.accounts[account].address;
                let answer = scene.sign_in(&self.wallets[wallet], address, None).await?;
                self.tokens[account].extend(token(&answer));
                Ok(())
            }
            HolderStep::Unbind { account } => match self.tokens[account].pop() {
                Some(token) => scene.unbind(&token).await,
                None => Ok(()),
            },
            HolderStep::Connect { account, count } => self.connect(account, count).await,
            HolderStep::Cancel { account } => {
                let of_account = |session: &&mut HolderSession| session.account == account;
                let mut sessions = self.sessions.iter_mut().filter(of_account);
                if let Some(session) = sessions.find(|session| !session.cancelled) {
                    session.cancelled = true;
                    let address = self.accounts[account].address;
                    scene.cancel_session(session.id, address, SessionKind::Direct);
                }
                Ok(())
            }
            HolderStep::NodeLooks => {
                let cancelled = self.sessions.iter().filter(|session| session.cancelled);
                cancelled.for_each(|session| scene.node.end_session(session.id));
                Ok(())
            }
            HolderStep::SellAndReturn => {
                let (vault, buyer) = (self.wallets[0].address(), Wallet::fresh().address());
                let card = scene.card(self.this_card);
                scene.transfer(vault, buyer, card).await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
                scene.transfer(buyer, vault, card).await
            }
        }
    }

    /// All at the same moment.
    async fn connect(&mut self, account: usize, count: usize) -> Result<()> {
        let (scene, local) = (self.scene, &self.accounts[account]);
        let mut handshakes = Vec::new();
        for _ in 0..count {
            let id = scene.open_session(local.address, SessionKind::Direct);
            let (handshake, key) = local.handshake(id)?;
            self.sessions.push(HolderSession { id, account, cancelled: false });
            self.keys.push(key);
            handshakes.push(handshake);
        }
        let knocks = handshakes.iter().map(|handshake| scene.knock(handshake));
        futures::future::try_join_all(knocks).await.map(drop)
    }
}

async fn random_strangers_change_nothing_for_a_victim(world: &World) -> Result<()> {
    run_sequences::<StrangersSequence>(world, "gate-random-strangers", 200).await
}

async fn random_accounts_of_a_holder_stay_within_its_slots(world: &World) -> Result<()> {
    run_sequences::<HolderSequence>(world, "gate-random-slots", 120).await
}
