//! Raw HTTP/2 frames, including those that a library does not send.

use std::time::Duration;

use anyhow::Result;
use sentinel_stack::info::GateInfo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::wire;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GO_AWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// The bytes of a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A literal header field without indexing.
pub(crate) fn field(name: &str, value: &[u8]) -> Vec<u8> {
    [&[0][..], &text(name.as_bytes()), &text(value)].concat()
}

/// A header block with these fields in this order.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| field(name, value.as_bytes())).collect()
}

/// A string literal with its length, without Huffman coding.
pub(crate) fn text(bytes: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    let mut rest = bytes.len();
    if rest < 127 {
        coded.extend(u8::try_from(rest));
    } else {
        coded.push(127);
        rest -= 127;
        while rest >= 128 {
            coded.extend(u8::try_from(rest % 128 + 128));
            rest /= 128;
        }
        coded.extend(u8::try_from(rest));
    }
    coded.extend(bytes);
    coded
}

/// A connection after the preface and the settings.
#[derive(Debug)]
pub(crate) struct Frames {
    reader: ReadHalf<TlsStream<TcpStream>>,
    writer: WriteHalf<TlsStream<TcpStream>>,
    rest: Vec<u8>,
}

impl Frames {
    pub(crate) async fn open(gate: &GateInfo) -> Result<Self> {
        let (reader, writer) = tokio::io::split(wire::tls(gate, b"h2").await?);
        let mut frames = Self { reader, writer, rest: Vec::new() };
        frames.send(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(SETTINGS, 0, 0, &[])[..]].concat()).await?;
        Ok(frames)
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes).await?;
        Ok(self.writer.flush().await?)
    }

    /// Sends until the peer closes the connection or stops reading; returns the number of bytes sent.
    pub(crate) async fn send_what_it_takes(&mut self, bytes: &[u8], patience: Duration) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            let write = self.writer.write(&bytes[sent..bytes.len().min(sent + 16_384)]);
            match tokio::time::timeout(patience, write).await {
                Ok(Ok(more @ 1..)) => sent += more,
                _ => break,
            }
        }
        let _ = tokio::time::timeout(patience, self.writer.flush()).await;
        sent
    }

    /// The next frame; `None` once the connection has ended or no byte has come for this time.
    pub(crate) async fn next(&mut self, patience: Duration) -> Option<Frame> {
        loop {
            if self.rest.len() >= 9 {
                let length = self.rest[..3].iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
                if self.rest.len() >= 9 + length {
                    let bytes: Vec<u8> = self.rest.drain(..9 + length).collect();
                    let stream = u32::from_be_bytes([bytes[5], bytes[6], bytes[7], bytes[8]]);
                    let (kind, flags, payload) = (bytes[3], bytes[4], bytes[9..].to_vec());
                    return Some(Frame { kind, flags, stream, payload });
                }
            }
            match tokio::time::timeout(patience, self.reader.read_buf(&mut self.rest)).await {
                Ok(Ok(1..)) => {}
                _ => return None,
            }
        }
    }
}
