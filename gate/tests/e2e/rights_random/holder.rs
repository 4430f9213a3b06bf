//! One holder acts over many accounts; its peers must stay within the holder's slots.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sentinel_proto::hub::SessionKind;
use sentinel_stack::actors::Wallet;

use super::{Sequence, random_pause, random_registry, run_sequences, token};
use crate::rights_fixture::{PLACES, Registry, SLOT_ALLOWANCE};
use crate::rights_scene::{LocalAccount, Scene};
use crate::world::World;

/// An action of a holder that tries to occupy as many slots as possible.
#[derive(Debug, Clone, Copy)]
enum HolderStep {
    /// A wallet of the holder signs in for an account.
    SignIn { wallet: usize, account: usize },
    /// Ends the latest binding of an account.
    Unbind { account: usize },
    /// An account connects this many devices at once.
    Connect { account: usize, count: usize },
    /// Cancels the oldest session of an account on the hub.
    Cancel { account: usize },
    /// The node checks its sessions and removes the peers of cancelled ones.
    NodeLooks,
    /// The card is sold and returned.
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

/// Most steps concern the account of the latest sign-in, as slots are occupied by moving from account to account.
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

    /// Connects all devices at the same moment.
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

pub(super) async fn random_accounts_of_a_holder_stay_within_its_slots(world: &World) -> Result<()> {
    run_sequences::<HolderSequence>(world, "gate-random-slots", 120).await
}
