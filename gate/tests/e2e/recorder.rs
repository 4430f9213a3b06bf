//! Stands in for the node and records requests byte for byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::stub::node_info;

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) line: String,
    /// Names as written, values as bytes.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Taken {
    /// Values of a field; the name is compared without regard to case.
    pub(crate) fn all(&self, name: &str) -> Vec<&[u8]> {
        let named = self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_slice()).collect()
    }

    /// Method, target and version.
    pub(crate) fn parts(&self) -> Option<(&str, &str, &str)> {
        let (method, rest) = self.line.split_once(' ')?;
        let (target, version) = rest.rsplit_once(' ')?;
        Some((method, target, version))
    }
}

/// A backend that parses requests strictly. A request that it cannot parse ends the connection and is recorded as a
/// fault.
#[derive(Debug)]
pub(crate) struct Recorder {
    address: SocketAddr,
    log: Arc<Log>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Log {
    info: Vec<u8>,
    taken: Mutex<Vec<Taken>>,
    faults: Mutex<Vec<String>>,
}

impl Recorder {
    /// Starts a recorder with the info of the node at this URL; it answers "noted" to everything else.
    pub(crate) async fn like(url: &str) -> Result<Self> {
        let info = node_info(url).await?;
        let log = Arc::new(Log { info, taken: Mutex::default(), faults: Mutex::default() });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::clone(&log);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let log = Arc::clone(&shared);
                tokio::spawn(async move {
                    if let Err(fault) = serve(stream, &log).await {
                        log.faults.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{fault:#}"));
                    }
                });
            }
        });
        Ok(Self { address, log, task })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests whose request line contains this text.
    pub(crate) fn taken(&self, text: &str) -> Vec<Taken> {
        let taken = self.log.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.iter().filter(|taken| taken.line.contains(text)).cloned().collect()
    }

    /// Requests that could not be parsed.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.log.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, log: &Log) -> Result<()> {
    let mut bytes = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break bytes.drain(..end + 4).collect::<Vec<u8>>();
            }
            match stream.read_buf(&mut bytes).await {
                Ok(0) | Err(_) if bytes.is_empty() => return Ok(()),
                read => anyhow::ensure!(read? > 0, "a head that ends after {bytes:?}"),
            }
        };
        let mut taken = read_head(&head[..head.len() - 4])?;
        anyhow::ensure!(taken.all("transfer-encoding").is_empty(), "a coded body: {taken:?}");
        let length = match taken.all("content-length").as_slice() {
            [] => 0,
            [one] => std::str::from_utf8(one)?.parse::<usize>().context("a length")?,
            more => anyhow::bail!("{} lengths", more.len()),
        };
        while bytes.len() < length {
            anyhow::ensure!(stream.read_buf(&mut bytes).await? > 0, "a body that ends early");
        }
        taken.body = bytes.drain(..length).collect();
        let info = taken.line.starts_with("GET / ");
        let head_only = taken.line.starts_with("HEAD ");
        log.taken.lock().unwrap_or_else(PoisonError::into_inner).push(taken);
        let body: &[u8] = if info { &log.info } else { br#"{"success":true,"result":"noted"}"# };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        if !head_only {
            stream.write_all(body).await?;
        }
    }
}

fn read_head(head: &[u8]) -> Result<Taken> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // Only CR LF ends a line.
    let mut lines = Vec::new();
    let mut rest = head;
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        lines.push(&rest[..end]);
        rest = &rest[end + 2..];
    }
    lines.push(rest);
    let whole = lines.iter().all(|line| !line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    anyhow::ensure!(whole, "a bare line end in {:?}", text(head));
    let fields = lines.iter().skip(1).map(|line| {
        let colon = line.iter().position(|byte| *byte == b':').context("a field without a colon")?;
        let name = &line[..colon];
        anyhow::ensure!(
            !name.is_empty() && !name.iter().any(u8::is_ascii_whitespace),
            "a field named {:?}",
            text(name)
        );
        Ok((text(name), line[colon + 1..].trim_ascii().to_vec()))
    });
    let fields = fields.collect::<Result<Vec<_>>>()?;
    Ok(Taken { line: text(lines.first().copied().unwrap_or_default()), fields, body: Vec::new() })
}
