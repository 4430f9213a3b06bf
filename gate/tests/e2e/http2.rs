//! HTTP/2 that no honest client sends: requests that would be different ones in HTTP/1.1, and floods of frames that
//! cost the sender nothing. Other clients are not affected, and the gate's memory does not grow.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sentinel_stack::actors::Caller;
use sentinel_stack::info::GateInfo;

use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, Frames, GO_AWAY, HEADERS, PING, RESET, SETTINGS,
    block, field, frame, text,
};
use crate::process::Process;
use crate::recorder::Recorder;
use crate::trial::{Trial, trials};
use crate::world::{World, set};

pub(crate) fn trials() -> Vec<Trial> {
    trials![requests_that_are_none_in_http1, floods_of_frames]
}

/// Time limit of one answer: forty connections are open at once.
const ANSWER: Duration = Duration::from_secs(10);
/// Allowed growth of the gate's memory during a flood, in KiB; the flood itself is several times larger.
const GROWTH: u64 = 16 * 1024;

async fn gate(world: &World, name: &str) -> Result<(GateInfo, Recorder)> {
    let recorder = Recorder::like(&world.node().plain_url).await?;
    let gate = world.gate_with(name, |config| set(config, "gate", "node_url", recorder.url())).await?;
    Ok((gate, recorder))
}

fn request(path: &str) -> Vec<(&str, &str)> {
    vec![(":method", "GET"), (":scheme", "https"), (":authority", "x"), (":path", path)]
}

fn headers(fields: &[(&str, &str)], flags: u8) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, 1, &block(fields))
}

/// Whether the last frame refuses the stream or the connection: a reset, an end, or a refusal as the answer.
fn refused(last: Option<&Frame>) -> bool {
    // `:status 200` is the single byte 0x88 of the static HPACK table.
    last.is_none_or(|frame| frame.kind != HEADERS || frame.payload.first() != Some(&0x88))
}

/// The frame that answers or ends a request; `None` if the connection ends.
async fn outcome(frames: &mut Frames) -> Result<Option<Frame>> {
    let told = async {
        while let Some(frame) = frames.next(2 * ANSWER).await {
            if [HEADERS, RESET, GO_AWAY].contains(&frame.kind) {
                return Some(frame);
            }
        }
        None
    };
    tokio::time::timeout(ANSWER, told).await.context("nothing comes")
}

#[expect(clippy::too_many_lines, reason = "a table")]
async fn requests_that_are_none_in_http1(world: &World) -> Result<()> {
    let (gate, node) = gate(world, "gate-pseudo").await?;
    let with = |more: &[(&'static str, &'static str)]| {
        let mut fields = request("/mx");
        fields.extend(more);
        headers(&fields, END_STREAM)
    };
    let instead = |name: &str, value: &'static str| {
        let fields =
            request("/mx").into_iter().map(|field| if field.0 == name { (field.0, value) } else { field });
        headers(&fields.collect::<Vec<_>>(), END_STREAM)
    };
    let without = |name: &str| {
        let fields: Vec<_> = request("/mx").into_iter().filter(|field| field.0 != name).collect();
        headers(&fields, END_STREAM)
    };
    let mut late = request("/mx");
    late.rotate_left(1);
    late.insert(1, ("x", "y"));
    let smuggle = "/mx HTTP/1.1\r\nHost: x\r\n\r\nGET /smuggled";
    let cases = vec![
        ("no method", without(":method")),
        ("no path", without(":path")),
        ("no scheme", without(":scheme")),
        ("two paths", with(&[(":path", "/mx")])),
        ("two methods", with(&[(":method", "POST")])),
        ("a pseudo field behind others", headers(&late, END_STREAM)),
        ("an unknown pseudo field", with(&[(":evil", "1")])),
        ("a status in a request", with(&[(":status", "200")])),
        ("an empty path", instead(":path", "")),
        ("a path with a space", instead(":path", "/mx HTTP/1.1")),
        ("a path with a request", instead(":path", smuggle)),
        ("a path without a slash", instead(":path", "mx")),
        ("a star", instead(":path", "*")),
        ("a method with a request", instead(":method", "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\nGET")),
        ("a method in small letters", instead(":method", "post")),
        ("an authority with a line end", instead(":authority", "x\r\nx-evil: 1")),
        ("a scheme with a line end", instead(":scheme", "https\r\nx: y")),
        ("connect", instead(":method", "CONNECT")),
        ("extended connect", with(&[(":protocol", "websocket")])),
        ("capitals", with(&[("X-Capital", "1")])),
        ("a name with a colon", with(&[("x:y", "1")])),
        ("a name with a line end", with(&[("x\r\ny", "1")])),
        ("a name with a space", with(&[("x y", "1")])),
        ("no name", with(&[("", "1")])),
        ("a value with a line end", with(&[("x", "1\r\nx-evil: 1")])),
        ("a value with a zero", with(&[("x", "1\0")])),
        ("a coding", with(&[("transfer-encoding", "chunked")])),
        ("a connection", with(&[("connection", "close")])),
        ("an upgrade", with(&[("upgrade", "h2c")])),
        ("keep-alive", with(&[("keep-alive", "1")])),
        ("te", with(&[("te", "gzip")])),
        ("two hosts", with(&[("host", "x"), ("host", "y")])),
        ("a length that is none", with(&[("content-length", "+3")])),
        ("two lengths", with(&[("content-length", "0"), ("content-length", "36")])),
        ("a length without a body", with(&[("content-length", "3")])),
        (
            "a body longer than its length",
            [
                headers(&[request("/mx"), vec![("content-length", "3")]].concat(), 0),
                frame(DATA, END_STREAM, 1, b"GET /smuggled HTTP/1.1\r\n\r\n"),
            ]
            .concat(),
        ),
        (
            "a body shorter than its length",
            [
                headers(&[request("/mx"), vec![("content-length", "30")]].concat(), 0),
                frame(DATA, END_STREAM, 1, b"abc"),
            ]
            .concat(),
        ),
        ("data without a request", frame(DATA, END_STREAM, 1, b"GET /smuggled HTTP/1.1\r\n\r\n")),
        ("a stream of the server's", frame(HEADERS, END_HEADERS | END_STREAM, 2, &block(&request("/mx")))),
        ("a request on no stream", frame(HEADERS, END_HEADERS | END_STREAM, 0, &block(&request("/mx")))),
        (
            "an index that is in no table",
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff, 0xff, 0xff, 0x7f]),
        ),
        ("a frame too large", frame(DATA, 0, 1, &vec![0; 20_000])),
    ];
    let tries = cases.iter().map(|(name, bytes)| {
        let gate = &gate;
        async move {
            let mut frames = Frames::open(gate).await?;
            frames.send(bytes).await?;
            let answer = outcome(&mut frames).await.context(*name)?;
            ensure!(refused(answer.as_ref()), "{name} is answered with {answer:?}");
            Ok(())
        }
    });
    futures::future::try_join_all(tries).await?;
    ensure!(node.taken("smuggled").is_empty(), "smuggled: {:?}", node.taken("smuggled"));
    ensure!(node.taken("mx").is_empty(), "arrived: {:?}", node.taken("mx"));
    // A valid request arrives as one: one host, one length, one address.
    let mut frames = Frames::open(&gate).await?;
    let fields = [request("/m1?q"), vec![("x-forwarded-for", "6.6.6.6"), ("te", "trailers")]].concat();
    frames.send(&[headers(&fields, 0), frame(DATA, END_STREAM, 1, b"abc")].concat()).await?;
    let answer = outcome(&mut frames).await?;
    ensure!(!refused(answer.as_ref()), "answered with {answer:?}");
    let taken = node.taken("/m1");
    ensure!(
        taken.len() == 1 && taken[0].line == "GET /m1?q HTTP/1.1" && taken[0].body == b"abc",
        "{taken:?}"
    );
    ensure!(taken[0].all("host") == [b"x"] && taken[0].all("content-length") == [b"3"], "{taken:?}");
    ensure!(!String::from_utf8_lossy(taken[0].all("x-forwarded-for")[0]).contains("6.6.6.6"), "{taken:?}");
    ensure!(taken[0].all("te").is_empty() && node.faults().is_empty(), "{taken:?} {:?}", node.faults());
    Ok(())
}

/// Client streams have odd numbers.
fn stream(n: u32) -> u32 {
    2 * n + 1
}

fn rapid_resets() -> Vec<u8> {
    let open = |n| frame(HEADERS, END_HEADERS | END_STREAM, stream(n), &block(&request("/m-reset")));
    (0..20_000).flat_map(|n| [open(n), frame(RESET, 0, stream(n), &[0, 0, 0, 8])].concat()).collect()
}

fn continuations() -> Vec<u8> {
    let begin = frame(HEADERS, END_STREAM, 1, &block(&request("/m-continued")));
    let more = frame(CONTINUATION, 0, 1, &field("x-more", &[b'x'; 16_000]));
    [begin, more.repeat(4000)].concat()
}

fn empty_continuations() -> Vec<u8> {
    let begin = frame(HEADERS, END_STREAM, 1, &block(&request("/m-continued")));
    [begin, frame(CONTINUATION, 0, 1, &[]).repeat(1_000_000)].concat()
}

/// A few bytes that decode to many: a large field enters the dynamic table once and is referenced often.
fn header_bombs() -> Vec<u8> {
    let indexed = [&[0x40][..], &text(b"x-bomb"), &text(&[b'x'; 3900])].concat();
    let bomb = |n| {
        let named = vec![0xbe; 16_000 - indexed.len() - 100];
        let fields = [block(&request("/m-bomb")), indexed.clone(), named].concat();
        frame(HEADERS, END_HEADERS | END_STREAM, stream(n), &fields)
    };
    (0..400).flat_map(bomb).collect()
}

fn pings() -> Vec<u8> {
    frame(PING, 0, 0, &[7; 8]).repeat(500_000)
}

fn settings() -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]).repeat(500_000)
}

fn empty_data() -> Vec<u8> {
    [frame(HEADERS, END_HEADERS, 1, &block(&request("/m-data"))), frame(DATA, 0, 1, &[]).repeat(1_000_000)]
        .concat()
}

/// Many streams that are never finished.
fn half_open_streams() -> Vec<u8> {
    (0..20_000).flat_map(|n| frame(HEADERS, END_HEADERS, stream(n), &block(&request("/m-open")))).collect()
}

/// Produces the bytes of a flood.
type Flood = fn() -> Vec<u8>;

async fn floods_of_frames(world: &World) -> Result<()> {
    let (gate, node) = gate(world, "gate-frames").await?;
    let process = Process::of(world, &gate)?;
    let floods: [(&str, Flood); 8] = [
        ("rapid resets", rapid_resets),
        ("continuations", continuations),
        ("empty continuations", empty_continuations),
        ("header bombs", header_bombs),
        ("pings", pings),
        ("settings", settings),
        ("empty data", empty_data),
        ("half open streams", half_open_streams),
    ];
    // Served once before the measurement, so that one-time allocations do not count.
    Caller::fresh()?.get(&format!("{}/", gate.url)).await?.result()?;
    for (name, flood) in floods {
        let (before, bytes) = (process.memory()?, flood());
        let attackers = (0..3).map(|_| async {
            let mut frames = Frames::open(&gate).await?;
            let sent = frames.send_what_it_takes(&bytes, Duration::from_millis(500)).await;
            Ok::<_, anyhow::Error>((frames, sent))
        });
        let held = futures::future::try_join_all(attackers).await?;
        let answer = tokio::time::timeout(Duration::from_secs(2), async {
            Caller::fresh()?.get(&format!("{}/", gate.url)).await
        });
        answer.await.with_context(|| format!("nobody is served beside {name}"))??.result()?;
        let grown = process.memory()?.saturating_sub(before);
        let sent: Vec<_> = held.iter().map(|(_, sent)| sent).collect();
        eprintln!("{name}: {sent:?} of {} bytes taken, {grown} KiB more", bytes.len());
        ensure!(grown < GROWTH, "{name}: the gate grows by {grown} KiB");
    }
    for path in ["/m-reset", "/m-bomb", "/m-continued", "/m-open", "/m-data"] {
        // The rate limit for one address bounds the frames that are requests.
        ensure!(node.taken(path).len() <= 3 * 30, "{} of {path} reach the node", node.taken(path).len());
    }
    let gone = || async {
        let open = process.sockets()?;
        ensure!(open < 20, "{open} sockets are still open");
        Ok(())
    };
    crate::world::eventually("the connections end", Duration::from_secs(15), gone).await
}
