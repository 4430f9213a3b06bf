//! The body of a handshake, and the peer request in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sentinel_proto::handshake::{Handshake, PeerRequest, Service};

use crate::json::Fields;

/// What the gate takes, the node understands in the same way.
pub fn handshake(bytes: &[u8]) {
    let read = Handshake::parse(bytes);
    if let Ok(handshake) = &read {
        as_the_node(bytes, handshake);
        let again = Handshake::parse(handshake.to_json().as_bytes()).expect("what we write we read");
        assert_eq!((&again, again.digest()), (handshake, handshake.digest()));
        if let Ok(account) = handshake.verify() {
            let mut other = handshake.clone();
            other.session_id ^= 1;
            assert_ne!(other.verify(), Ok(account), "good for another session too");
        }
    }
    // The peer request comes in the data of a handshake, and here also as it is.
    peer_request(read.as_ref().map_or(bytes, |handshake| &handshake.data));
}

fn as_the_node(bytes: &[u8], handshake: &Handshake) {
    let fields = Fields::read(bytes).expect("it is an object");
    let text = |name: &str| {
        let value = fields.in_go(name).expect("it is there");
        value.as_str().expect("it is text").to_owned()
    };
    let id = fields.in_go("id").and_then(|id| id.as_u64());
    assert_eq!(id, Some(handshake.session_id), "another session");
    assert_eq!(STANDARD.decode(text("data")).as_ref(), Ok(&handshake.data), "another request");
    assert_eq!(STANDARD.decode(text("signature")), Ok(handshake.signature.to_vec()), "another signature");
    assert_eq!(text("pub_key"), handshake.pub_key.to_string(), "another key");
    assert!(handshake.session_id != 0 && !handshake.data.is_empty(), "nothing is asked for");
}

fn peer_request(data: &[u8]) {
    let any = PeerRequest::parse(data, None);
    for service in Service::ALL {
        let Ok(request) = PeerRequest::parse(data, Some(service)) else { continue };
        assert_eq!(any.as_ref(), Ok(&request), "another peer when the service is not known");
        let fields = Fields::read(data).expect("it is an object");
        assert_eq!(fields.count(), 1, "something else is in it");
        let again = PeerRequest::parse(request.to_json(service).as_bytes(), Some(service));
        assert_eq!(again.as_ref(), Ok(&request), "what we write we read");
        let said = (fields.in_go("public_key"), fields.in_go("uuid"));
        let id = request.id.to_string();
        match said {
            (Some(key), None) => assert_eq!(key.as_str(), Some(id.as_str()), "another key"),
            (None, Some(uuid)) => {
                let numbers = uuid.as_array().map(|all| {
                    let digits = all.iter().map(|byte| format!("{:02x}", byte.as_u64().unwrap_or(256)));
                    digits.collect::<String>()
                });
                let text = uuid.as_str().map(|text| text.replace('-', ""));
                assert_eq!(numbers.or(text), Some(id.replace('-', "")), "another uuid");
            }
            both => panic!("{both:?}"),
        }
    }
}
