//! Many plain requests on kept connections with as little work as possible: whatever their sender takes, the gate has
//! not, since both run on the same cores. So one thread does it all.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures::future::{join, try_join_all};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub(super) type Asked = Request<Full<Bytes>>;

/// `GET path`.
pub(super) fn get(path: &str) -> Result<Asked> {
    request(Method::GET, path, Bytes::new())
}

/// `POST path` of JSON.
pub(super) fn post(path: &str, body: String) -> Result<Asked> {
    request(Method::POST, path, body.into())
}

fn request(method: Method, path: &str, body: Bytes) -> Result<Asked> {
    Ok(Request::builder().method(method).uri(path).header("host", "bench").body(Full::new(body))?)
}

/// Sends all of them over so many connections; the bodies of the answers, in order, all of them of success.
pub(super) async fn send_all(address: &str, requests: Vec<Asked>, connections: usize) -> Result<Vec<Bytes>> {
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
async fn send(address: SocketAddr, requests: Vec<Asked>) -> Result<Vec<Bytes>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let work = async move {
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            sender.ready().await?;
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
            answers.push(body);
        }
        Ok(answers)
    };
    // The connection ends by itself when nobody sends any more.
    let (answers, ended) = join(work, connection).await;
    let answers = answers?;
    ended.context("a connection of the load generator")?;
    Ok(answers)
}
