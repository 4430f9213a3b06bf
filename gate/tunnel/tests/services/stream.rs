//! A download through a proxy that never ends, and who reaches the proxy's API.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::net::{Namespace, until};

/// Something that ticks, on the node's machine.
pub(crate) const TICKER: u16 = 9000;
/// Where a client finds it.
pub(crate) const TICKS: u16 = 7000;
/// Where a client finds the API of the service, through its own tunnel.
pub(crate) const API: u16 = 7001;

/// Sends everybody who connects a byte every 20 ms.
pub(crate) fn tick() {
    let listener = TcpListener::bind(("127.0.0.1", TICKER)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut stream = stream;
                while stream.write_all(b".").is_ok() {
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
    });
}

/// A download that never ends; when it breaks off or falls silent, it begins anew.
pub(crate) struct Stream {
    ticks: Arc<Mutex<Vec<Instant>>>,
    begun: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Stream {
    pub(crate) fn start(from: &Namespace) -> Self {
        let stream = Self { ticks: Arc::default(), begun: Arc::default(), stop: Arc::default() };
        let (ticks, begun, stop) =
            (Arc::clone(&stream.ticks), Arc::clone(&stream.begun), Arc::clone(&stream.stop));
        from.thread(move || {
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    download(&ticks, &begun, &stop);
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
        });
        until("it ticks", Duration::from_secs(20), || stream.ticks.lock().unwrap().len() > 10);
        stream
    }

    pub(crate) fn since(&self, moment: Instant) -> usize {
        self.ticks.lock().unwrap().iter().filter(|tick| **tick > moment).count()
    }

    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    pub(crate) fn comes_back(&self, moment: Instant, limit: Duration) -> Duration {
        until("it ticks again", limit, || self.since(moment) > 0);
        self.ticks.lock().unwrap().iter().find(|tick| **tick > moment).unwrap().duration_since(moment)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn download(ticks: &Mutex<Vec<Instant>>, begun: &AtomicUsize, stop: &AtomicBool) {
    let address = SocketAddr::from(([127, 0, 0, 1], TICKS));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return };
    stream.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
    let mut buffer = [0; 64];
    let mut first = true;
    while !stop.load(Ordering::Relaxed) && stream.read(&mut buffer).is_ok_and(|read| read > 0) {
        ticks.lock().unwrap().push(Instant::now());
        if stream.write_all(b"!").is_err() {
            return;
        }
        if std::mem::take(&mut first) {
            begun.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whether the API of the service answers a client, by HTTP/2, through its tunnel or from outside.
pub(crate) fn api_answers(from: &Namespace, address: SocketAddr) -> bool {
    from.thread(move || {
        let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else {
            return false;
        };
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        // The preface and an empty frame of settings; the answer begins with settings too.
        let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat();
        let mut answer = [0; 9];
        stream.write_all(&hello).is_ok() && stream.read_exact(&mut answer).is_ok() && answer[3] == 4
    })
}
