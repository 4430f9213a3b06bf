//! Steps of a victim and of the strangers around it.

use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;

use super::random_registry;
use crate::rights::steps::Registry;

pub(super) const STRANGERS: usize = 2;

/// The basis of a victim's sessions.
#[derive(Debug, Clone, Copy)]
pub(super) enum VictimBasis {
    /// The wallet that signs in holds the card.
    OwnCard,
    /// A vault has delegated to the wallet.
    Vault(Registry),
    /// A vault has delegated to the wallet, and the sign-in names the vault.
    NamedVault(Registry),
}

/// An action of the victim.
#[derive(Debug, Clone, Copy)]
pub(super) enum VictimStep {
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
pub(super) enum StrangerStep {
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
    QueryEligibility { named: bool },
    /// Connects a device of its own account.
    Connect { of_plan: bool },
    /// Sells the vault's card.
    Sell,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Victim(VictimStep),
    Stranger(usize, StrangerStep),
}

/// A step and the time until the next one.
pub(super) type TimedStep = (Step, Duration);

pub(super) fn random_step(rng: &mut StdRng) -> Step {
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
        10 => StrangerStep::QueryEligibility { named: rng.random() },
        11..15 => StrangerStep::Connect { of_plan: rng.random() },
        _ => StrangerStep::Sell,
    };
    Step::Stranger(rng.random_range(0..STRANGERS), step)
}
