//! Use cases of the gate with real payments and real tunnels. The demo shows them, and the tests check them.

mod people;
mod told;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::Result;

use crate::Stack;
use crate::actors::Refusal;

type StoryFuture<'a> = Pin<Box<dyn Future<Output = Result<Ending>> + Send + 'a>>;

/// One story. Told on a network whose first gate has the configuration that every gate gets here.
#[derive(Clone, Copy)]
pub struct Story {
    /// A short name.
    pub name: &'static str,
    /// What is to happen, as a sentence.
    pub title: &'static str,
    tell: for<'a> fn(&'a Stack) -> StoryFuture<'a>,
}

/// How a story ended. One that ends otherwise than it must is an error.
#[derive(Debug, Clone)]
pub enum Ending {
    /// With a tunnel that carries traffic.
    Tunnel {
        /// The tier that the gate gave.
        tier: String,
        /// What was paid for, and how.
        session: String,
        /// Round trip through the tunnel.
        ping: Duration,
    },
    /// With a refusal, as the stock client shows it.
    Refused {
        /// The client's words.
        refusal: Refusal,
    },
}

impl Story {
    /// Lets it happen.
    pub async fn tell(&self, stack: &Stack) -> Result<Ending> {
        (self.tell)(stack).await
    }
}

impl std::fmt::Debug for Story {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Story").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All of them, in the order in which they make sense.
pub fn all() -> Vec<Story> {
    macro_rules! stories {
        ($($name:ident: $title:literal),* $(,)?) => {
            vec![$(Story { name: stringify!($name), title: $title, tell: |stack| Box::pin(told::$name(stack)) }),*]
        };
    }
    stories![
        no_sign_in: "Somebody without a sign-in pays the node and is refused",
        no_card: "Somebody without a card cannot even sign in",
        other_card: "A holder of some Meme subscribes to the paid plan and gets a tunnel",
        this_card: "A holder of THIS card gets a tunnel on the free plan",
        other_card_on_free_plan: "A holder of some Meme is refused on the free plan",
        cold_vault: "A card in cold storage, delegated to a hot wallet, gives a tunnel",
        zero_click: "A vault that delegated to the account's own key gets a tunnel without any sign-in",
    ]
}
