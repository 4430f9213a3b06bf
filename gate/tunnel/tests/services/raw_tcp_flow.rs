//! A TCP connection packet by packet, as no kernel would go on with it.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::net::Namespace;

/// Our own end.
const PORT: u16 = 40_001;
/// Our packets, for the rule that keeps the kernel from answering for us.
const MARK: u32 = 7;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;

pub(crate) struct RawTcpFlow {
    socket: Socket,
    ends: (Ipv4Addr, SocketAddrV4),
    sent: u32,
    got: u32,
}

struct Segment {
    flags: u8,
    number: u32,
    acknowledged: u32,
}

impl RawTcpFlow {
    /// An open connection from `NET.2` in this namespace to a port of `NET.1`.
    pub(crate) fn start(from: &Namespace, to: &str, port: u16) -> Self {
        from.run(&["nft", "add table inet x"]);
        from.run(&["nft", "add chain inet x out { type filter hook output priority 0; }"]);
        from.run(&["nft", &format!("add rule inet x out tcp sport {PORT} meta mark != {MARK} drop")]);
        let to = SocketAddrV4::new(to.parse().unwrap(), port);
        let mut own = to.ip().octets();
        own[3] = 2;
        let socket = from.thread(|| Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::TCP)).unwrap());
        socket.set_mark(MARK).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut flow = Self { socket, ends: (own.into(), to), sent: 1000, got: 0 };
        flow.send(SYN, flow.sent, b"");
        let answer = flow.answered(|segment| segment.flags & SYN != 0).expect("no answer to the first SYN");
        (flow.sent, flow.got) = (flow.sent + 1, answer.number + 1);
        flow.send(ACK, flow.sent, b"");
        flow
    }

    /// Goes on where the connection was, and tells whether the other end has taken it.
    pub(crate) fn is_taken(&mut self, data: &[u8]) -> bool {
        self.send(PSH | ACK, self.sent, data);
        let after = self.sent + u32::try_from(data.len()).unwrap();
        let taken = self.answered(|segment| segment.flags & ACK != 0 && segment.acknowledged == after);
        if taken.is_some() {
            self.sent = after;
        }
        taken.is_some()
    }

    /// Whoever follows the connection from outside sees its end and another beginning; the other end sees neither.
    pub(crate) fn reset_and_begin_anew(&self) {
        self.send(RST, self.sent, b"");
        self.send(SYN, self.sent + 5000, b"");
        self.answered(|segment| segment.flags == ACK).expect("the other end is closed");
    }

    fn send(&self, flags: u8, number: u32, data: &[u8]) {
        let (own, to) = self.ends;
        let mut segment = [PORT.to_be_bytes(), to.port().to_be_bytes()].concat();
        segment.extend([number.to_be_bytes(), self.got.to_be_bytes()].concat());
        segment.extend([0x50, flags, 0xfa, 0, 0, 0, 0, 0]);
        segment.extend(data);
        let length = u16::try_from(segment.len()).unwrap().to_be_bytes();
        let around = [&own.octets()[..], &to.ip().octets(), &[0, 6], &length, &segment].concat();
        segment[16..18].copy_from_slice(&checksum(&around).to_be_bytes());
        let ip_only = SocketAddrV4::new(*to.ip(), 0);
        assert_eq!(self.socket.send_to(&segment, &ip_only.into()).unwrap(), segment.len());
    }

    /// The first such segment within a second.
    fn answered(&self, wanted: impl Fn(&Segment) -> bool) -> Option<Segment> {
        let deadline = Instant::now() + Duration::from_secs(1);
        let mut buffer = [0; 2048];
        while Instant::now() < deadline {
            let Ok(length) = (&self.socket).read(&mut buffer) else { continue };
            let segment = &buffer[usize::from(buffer[0] & 15) * 4..length];
            let word = |at: usize| u32::from_be_bytes(segment[at..at + 4].try_into().unwrap());
            if segment[..4] == [self.ends.1.port().to_be_bytes(), PORT.to_be_bytes()].concat() {
                let segment = Segment { flags: segment[13], number: word(4), acknowledged: word(8) };
                if wanted(&segment) {
                    return Some(segment);
                }
            }
        }
        None
    }
}

fn checksum(bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    let mut sum: u32 = bytes.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !u16::try_from(sum).unwrap()
}
