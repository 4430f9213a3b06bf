//! Ownership of network numbers, and removal of networks without an owner.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::ip;

const NUMBERS: std::ops::RangeInclusive<u8> = 100..=159;
const CLAIMS: &str = "/run/sovereign-gate-stack";

/// Network number owned by this process for its lifetime.
#[derive(Debug)]
pub(crate) struct Claim {
    number: u8,
    _lock: File,
}

impl Claim {
    /// Takes the first number that is free, here and in the routing table.
    pub(super) fn take() -> Result<Self> {
        std::fs::create_dir_all(CLAIMS).with_context(|| format!("cannot create {CLAIMS}"))?;
        let taken = ip::run(&["-4", "-o", "addr"])?;
        for number in NUMBERS {
            if taken.contains(&format!(" 10.77.{number}.")) {
                continue;
            }
            if let Some(mut lock) = lock(&path(number))? {
                writeln!(lock, "{}", std::process::id())?;
                return Ok(Self { number, _lock: lock });
            }
        }
        bail!("all numbers {NUMBERS:?} for a local network are in use");
    }

    pub(super) fn number(&self) -> u8 {
        self.number
    }
}

fn path(number: u8) -> PathBuf {
    Path::new(CLAIMS).join(format!("{number}.lock"))
}

/// Takes the lock; `None` while a live process holds it.
fn lock(path: &Path) -> Result<Option<File>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Removes the networks whose owner has ended.
pub(super) fn remove_stale() -> Result<()> {
    let names = ip::namespaces()?.into_iter().chain(ip::interfaces()?);
    let numbers: std::collections::BTreeSet<u8> = names.filter_map(|name| number_in(&name)).collect();
    for number in numbers {
        std::fs::create_dir_all(CLAIMS)?;
        if let Some(_held) = lock(&path(number))? {
            tracing::info!("removing the network {number} of a run that was killed");
            remove(number)?;
        }
    }
    Ok(())
}

/// `sg107br`, `sg107-node1`, `sg107v3` are of number 107.
fn number_in(name: &str) -> Option<u8> {
    let rest = name.strip_prefix("sg")?;
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let number = rest.get(..end)?.parse().ok()?;
    let ours = rest.get(end..).is_some_and(|tail| tail == "br" || tail.starts_with(['-', 'v']));
    (ours && NUMBERS.contains(&number)).then_some(number)
}

/// Ends every process in the namespaces of this number, then removes them and the interfaces.
pub(super) fn remove(number: u8) -> Result<()> {
    let ours = |name: &String| number_in(name) == Some(number);
    for namespace in ip::namespaces()?.iter().filter(|name| ours(name)) {
        end_processes(namespace)?;
        ip::run(&["netns", "del", namespace])?;
    }
    for interface in ip::interfaces()?.iter().filter(|name| ours(name)) {
        // The other end of a pair may have gone with its namespace in the meantime.
        let _ = ip::run(&["link", "del", interface]);
    }
    Ok(())
}

/// Ends the processes of a namespace. The daemon of a tunnel detaches from its parent; the namespace still lists it.
fn end_processes(namespace: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(3);
    let mut signal = Signal::SIGTERM;
    loop {
        let list = ip::run(&["netns", "pids", namespace])?;
        let pids: Vec<i32> = list.lines().filter_map(|line| line.trim().parse().ok()).collect();
        if pids.is_empty() || Instant::now() > deadline {
            return Ok(());
        }
        for pid in pids {
            let _ = kill(Pid::from_raw(pid), signal);
        }
        std::thread::sleep(Duration::from_millis(100));
        if Instant::now() + Duration::from_secs(2) > deadline {
            signal = Signal::SIGKILL;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_number_only_from_names_of_the_stack() {
        assert_eq!(number_in("sg107br"), Some(107));
        assert_eq!(number_in("sg107-node1"), Some(107));
        assert_eq!(number_in("sg107v3"), Some(107));
        for foreign in ["sgbr", "sg107", "sg7br", "sg107x1", "eth0", "sg300br", "wg107-a"] {
            assert_eq!(number_in(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn number_has_one_owner_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1.lock");
        let held = lock(&path).unwrap();
        assert!(held.is_some());
        assert!(lock(&path).unwrap().is_none());
        drop(held);
        assert!(lock(&path).unwrap().is_some());
    }
}
