//! Cases of raw requests and their outcomes at the gate and at the node.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::info::GateInfo;

use self::ExpectedOutcome::{AnsweredWith, Forwarded, Refused};
use crate::fixture::{Fixture, set_key};
use crate::raw_connection::RawConnection;
use crate::stubs::request_recorder::{RawRequest, RequestRecorder};

/// Time without a byte after which an answer is complete.
pub(super) const QUIET_TIME: Duration = Duration::from_millis(500);

/// Expected outcome of a case.
#[derive(Debug, Clone, Copy)]
pub(super) enum ExpectedOutcome {
    /// 400, 413, 431 or the end of the connection; nothing reaches the node.
    Refused,
    /// One request reaches the node: method, target, body.
    Forwarded(&'static str, &'static str, &'static str),
    /// The gate answers with this code; nothing reaches the node.
    AnsweredWith(u64),
}

/// A gate in front of a recorder.
pub(super) async fn start_gate(fixture: &Fixture, name: &str) -> Result<(GateInfo, RequestRecorder)> {
    let recorder = RequestRecorder::with_info_of(&fixture.node().plain_url).await?;
    let gate = fixture.start_gate(name, |config| set_key(config, "gate", "node_url", recorder.url())).await?;
    Ok((gate, recorder))
}

/// Sends the bytes of a case; returns everything received until the connection is quiet.
pub(super) async fn exchange(gate: &GateInfo, bytes: &[u8]) -> Result<String> {
    let mut connection = RawConnection::connect(gate).await?;
    connection.send_bytes(bytes).await?;
    connection.read_until_quiet(QUIET_TIME).await
}

/// Requires that a request at the node can be parsed in one way only, and carries the true client address.
pub(super) fn ensure_unambiguous(received: &RawRequest) -> Result<()> {
    for name in ["transfer-encoding", "upgrade", "te", "trailer", "keep-alive", "proxy-connection", "expect"]
    {
        ensure!(received.values(name).is_empty(), "{name} went through: {received:?}");
    }
    for (name, most) in [("content-length", 1), ("host", 1), ("x-forwarded-for", 1), ("x-real-ip", 1)] {
        ensure!(received.values(name).len() <= most, "{name} more than once: {received:?}");
    }
    let forwarded_for = received.values("x-forwarded-for");
    let address = forwarded_for
        .first()
        .and_then(|forwarded_for| std::str::from_utf8(forwarded_for).ok())
        .unwrap_or_default();
    ensure!(address.starts_with("127."), "the address is {address}: {received:?}");
    ensure!(received.values("x-real-ip") == forwarded_for, "two addresses: {received:?}");
    ensure!(!received.values("host").is_empty(), "no host: {received:?}");
    let parts = received.parts().with_context(|| format!("no request line: {received:?}"))?;
    ensure!(parts.2 == "HTTP/1.1" && !parts.1.contains(' '), "the line is {:?}", received.line);
    Ok(())
}

/// Sends all cases at once and requires their outcomes.
pub(super) async fn check_cases(
    gate: &GateInfo,
    node: &RequestRecorder,
    cases: Vec<(Vec<u8>, ExpectedOutcome)>,
) -> Result<()> {
    let tries = cases.iter().map(|(bytes, expected)| async move {
        let case_text = String::from_utf8_lossy(bytes).into_owned();
        let answer = exchange(gate, bytes).await.with_context(|| case_text.clone())?;
        match expected {
            Refused => {
                let refused = answer.is_empty()
                    || ["400", "413", "431"]
                        .iter()
                        .any(|status| answer[8..].trim_start().starts_with(status));
                ensure!(refused, "{case_text:?} is answered with {answer}");
                ensure!(answer.matches("HTTP/1.").count() <= 1, "{case_text:?} is answered twice: {answer}");
            }
            AnsweredWith(code) => {
                ensure!(
                    answer.contains(&format!("\"code\":{code},")),
                    "{case_text:?} is answered with {answer}"
                );
            }
            Forwarded(..) => {
                ensure!(answer.contains("noted"), "{case_text:?} is answered with {answer}");
            }
        }
        Ok(())
    });
    futures::future::try_join_all(tries).await?;
    for (bytes, expected) in &cases {
        let Forwarded(method, target, body) = expected else { continue };
        let case_text = String::from_utf8_lossy(bytes);
        let line = format!("{method} {target} HTTP/1.1");
        let received: Vec<_> =
            node.requests_with(&line).into_iter().filter(|received| received.line == line).collect();
        ensure!(received.len() == 1, "{case_text:?} arrives {} times", received.len());
        ensure!(received[0].body == body.as_bytes(), "{case_text:?} arrives as {:?}", received[0]);
    }
    let arrive = cases.iter().filter(|(_, expected)| matches!(expected, Forwarded(..))).count();
    let all = node.requests_with("m");
    ensure!(all.len() == arrive, "{} requests arrive, not {arrive}: {all:?}", all.len());
    all.iter().try_for_each(ensure_unambiguous)?;
    ensure!(
        node.requests_with("smuggled").is_empty(),
        "something was smuggled: {:?}",
        node.requests_with("smuggled")
    );
    ensure!(node.faults().is_empty(), "the node could not read {:?}", node.faults());
    Ok(())
}
