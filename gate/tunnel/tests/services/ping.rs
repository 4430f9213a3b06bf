//! A ping that runs all the time, and what became of it.

use std::io::{BufRead as _, BufReader};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::net::{Namespace, Program, until};

/// A ping, ten times a second.
pub(crate) struct Ping {
    answers: Arc<Mutex<Vec<Instant>>>,
    _program: Program,
}

impl Ping {
    /// Starts it and waits for the first answers.
    pub(crate) fn start(from: &Namespace, to: &str) -> Self {
        // One that runs before there is a route ends at once.
        until("the tunnel is up", Duration::from_secs(30), || {
            from.succeeds(&["ping", "-c", "1", "-W", "1", to])
        });
        let mut program = from.spawn(Command::new("ping").args(["-i", "0.1", "-W", "1", to]));
        let output = BufReader::new(program.0.stdout.take().unwrap());
        let answers = Arc::<Mutex<Vec<Instant>>>::default();
        let seen = Arc::clone(&answers);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if line.contains("bytes from") {
                    seen.lock().unwrap().push(Instant::now());
                }
            }
        });
        let ping = Self { answers, _program: program };
        until("the ping is answered", Duration::from_secs(15), || ping.answers.lock().unwrap().len() > 3);
        ping
    }

    /// How many answers came after a moment.
    pub(crate) fn since(&self, moment: Instant) -> usize {
        self.answers.lock().unwrap().iter().filter(|answer| **answer > moment).count()
    }

    /// Waits for the next answer, and tells how long after `moment` it came.
    pub(crate) fn comes_back(&self, moment: Instant, limit: Duration) -> Duration {
        until("the ping is answered again", limit, || self.since(moment) > 0);
        self.answers.lock().unwrap().iter().find(|answer| **answer > moment).unwrap().duration_since(moment)
    }

    /// The longest silence since a moment.
    pub(crate) fn gap(&self, moment: Instant) -> Duration {
        let answers = self.answers.lock().unwrap();
        let times: Vec<Instant> = std::iter::once(moment)
            .chain(answers.iter().copied().filter(|answer| *answer > moment))
            .chain([Instant::now()])
            .collect();
        times.windows(2).map(|pair| pair[1].duration_since(pair[0])).max().unwrap()
    }
}
