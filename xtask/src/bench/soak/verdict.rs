//! Whether it went as it has to.

use anyhow::{Result, ensure};

use super::ResourceUsage;
use super::tally::AnswerCounter;

/// KiB that the gate may grow by from the second fifth of the time to the last one.
const MAX_MEMORY_GROWTH_KIB: u64 = 8 * 1024;
/// Descriptors that may be open more at the end, without traffic, than at the beginning.
const MAX_DESCRIPTOR_GROWTH: usize = 12;

/// A metric and one of its labels.
type Counter = (&'static str, &'static str);

/// Kinds of requests: how each is answered, and the gate's counter of that.
const EXPECTED: [(&str, u16, u64, Option<Counter>); 13] = [
    ("repeat", 200, 0, Some((ADMISSIONS, "reason=\"repeat\""))),
    ("newcomer", 200, 0, Some((ADMISSIONS, "reason=\"entitled\""))),
    ("forged", 400, 102, Some((ADMISSIONS, "reason=\"handshake_signature\""))),
    ("malformed", 400, 101, Some((ADMISSIONS, "reason=\"malformed\""))),
    ("unbound", 401, 103, Some((ADMISSIONS, "reason=\"unbound\""))),
    ("sign-in", 201, 0, Some((SIGN_INS, "outcome=\"bound\""))),
    ("used nonce", 401, 120, Some((SIGN_INS, "reason=\"nonce\""))),
    ("another form", 400, 101, None),
    ("no path", 404, 118, None),
    ("too large", 413, 116, None),
    ("slow", 408, 117, None),
    ("question", 200, 0, None),
    ("info", 200, 0, None),
];
const ADMISSIONS: &str = "sovereign_gate_admissions_total{";
const SIGN_INS: &str = "sovereign_gate_signins_total{";
const HANDSHAKES: &str = "sovereign_gate_handshake_seconds_count";

/// Nothing was lost, everything was answered as it has to be, and the gate has counted the same.
pub(super) fn counted(tally: &AnswerCounter, before: &[String], after: &[String]) -> Result<()> {
    let lost = tally.lost();
    ensure!(lost.is_empty(), "{} requests were lost, such as {:?}", lost.len(), lost.first());
    let right: u64 = EXPECTED.iter().map(|(kind, status, code, _)| tally.count(kind, *status, *code)).sum();
    ensure!(right == tally.all(), "{} of {} answers are others", tally.all() - right, tally.all());
    let mut handshakes = 0;
    for (kind, status, code, counter) in EXPECTED {
        let driver = tally.count(kind, status, code);
        ensure!(driver > 0, "nobody has tried: {kind}");
        let Some((name, label)) = counter else { continue };
        same(name, label, driver, before, after)?;
        handshakes += if name == ADMISSIONS { driver } else { 0 };
    }
    same(HANDSHAKES, "", handshakes, before, after)
}

fn same(name: &str, label: &str, driver: u64, before: &[String], after: &[String]) -> Result<()> {
    let gate = sum(after, name, label) - sum(before, name, label);
    #[expect(clippy::cast_precision_loss, reason = "no soak is that long")]
    let same = (gate - driver as f64).abs() < 0.5;
    ensure!(same, "the gate has counted {gate} of {name}{label}, the driver {driver}");
    Ok(())
}

/// The sum of the samples whose line begins so and has this label.
fn sum(lines: &[String], name: &str, label: &str) -> f64 {
    let of = |line: &&String| line.starts_with(name) && line.contains(label);
    lines.iter().filter(of).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Memory and descriptors, once it is warm.
pub(super) fn flat(samples: &[ResourceUsage], start: ResourceUsage, end: ResourceUsage) -> Result<()> {
    let fifth = samples.len() / 5;
    ensure!(fifth > 0, "too short to tell");
    let median = |part: &[ResourceUsage]| {
        let mut memory: Vec<_> = part.iter().map(|sample| sample.memory_kib).collect();
        memory.sort_unstable();
        memory.get(memory.len() / 2).copied().unwrap_or_default()
    };
    let (early, late) = (median(&samples[fifth..2 * fifth]), median(&samples[4 * fifth..]));
    ensure!(late <= early + MAX_MEMORY_GROWTH_KIB, "the gate grew from {early} to {late} KiB");
    let (first, last) = (start.descriptors, end.descriptors);
    ensure!(
        last <= first + MAX_DESCRIPTOR_GROWTH,
        "{last} descriptors are open, {first} were at the beginning"
    );
    Ok(())
}
