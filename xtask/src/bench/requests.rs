//! Many plain requests on kept connections with as little work as possible: whatever their sender takes, the gate has
//! not, since both run on the same cores. So one thread does it all, writes what was made ready before, and reads no
//! more of an answer than where it ends.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use bytes::{Bytes, BytesMut};
use futures::future::try_join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request as it is sent.
pub(super) type RawRequest = Vec<u8>;

/// `GET path`.
pub(super) fn get(path: &str) -> RawRequest {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n").into()
}

/// `POST path` of JSON.
pub(super) fn post(path: &str, body: &str) -> RawRequest {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-length: {length}\r\n\r\n{body}").into()
}

/// Sends all of them over so many connections; the bodies of the answers, in order, all of them of success.
pub(super) async fn send_all(
    address: &str,
    requests: Vec<RawRequest>,
    connections: usize,
) -> Result<Vec<Bytes>> {
    let address = address.parse()?;
    let share = requests.len().div_ceil(connections).max(1);
    let mut rest = requests.into_iter();
    let shares: Vec<Vec<_>> =
        std::iter::repeat_with(|| rest.by_ref().take(share).collect()).take(connections).collect();
    let sent = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(try_join_all(shares.into_iter().map(|share| send(address, share))))
    });
    Ok(sent.await??.into_iter().flatten().collect())
}

/// One after the other over one connection.
async fn send(address: SocketAddr, requests: Vec<RawRequest>) -> Result<Vec<Bytes>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut answers = Vec::with_capacity(requests.len());
    let mut read = BytesMut::new();
    for request in requests {
        stream.write_all(&request).await?;
        let (status, body) = loop {
            if let Some(answer) = answer(&mut read)? {
                break answer;
            }
            read.reserve(4096);
            ensure!(stream.read_buf(&mut read).await? > 0, "the gate closed a connection");
        };
        ensure!((200..300).contains(&status), "{status}: {}", String::from_utf8_lossy(&body));
        answers.push(body);
    }
    Ok(answers)
}

/// The answer that `read` begins with, taken out of it, once it is whole.
fn answer(read: &mut BytesMut) -> Result<Option<(u16, Bytes)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(begin) = head.parse(read)? else { return Ok(None) };
    let length = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.context("an answer without content-length")?.value;
    let end = begin + std::str::from_utf8(length)?.parse::<usize>()?;
    let status = head.code.context("an answer without status")?;
    if read.len() < end {
        return Ok(None);
    }
    Ok(Some((status, read.split_to(end).freeze().slice(begin..))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_when_it_is_whole() {
        let two = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nfirstHTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n";
        for cut in 0..two.len() {
            let (mut read, mut taken) = (BytesMut::new(), Vec::new());
            for part in [&two[..cut], &two[cut..]] {
                read.extend_from_slice(part);
                while let Some(answer) = answer(&mut read).unwrap() {
                    taken.push(answer);
                }
            }
            assert_eq!(taken, [(201, Bytes::from("first")), (204, Bytes::new())], "cut at {cut}");
            assert!(read.is_empty());
        }
        assert!(answer(&mut BytesMut::from(&b"HTTP/1.1 200 OK\r\n\r\n"[..])).is_err());
    }
}
