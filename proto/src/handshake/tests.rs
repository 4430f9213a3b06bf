//! The sample of a real client, and everything that must not pass.

use ed25519_dalek::Signer as _;
use proptest::prelude::*;
use secp256k1::{Message, Secp256k1, SecretKey};
use serde_json::{Value, json};

use super::*;

const SAMPLE: &str = r#"{"data":"eyJwdWJsaWNfa2V5IjoiYXMrcmYvUTFhcU9UaHJHNS9IdFBPY3JyRmtwYit0YWExaGFIbDMzZjNpVT0ifQ==","id":3,"pub_key":"secp256k1:A3WyuiDs3l2uxvOg4TkB63HNsvQn6wYqLpY+oc4DvBwL","signature":"RMswXE56gBIwqz/vgdK2Ritlyyc631jJpqQBJ0fuS/sEqi6JmkJJ6xx9SiM90n0bzdZckbJK/vJrAR7ZLjZ6EQ=="}"#;

fn sample() -> Value {
    serde_json::from_str(SAMPLE).unwrap()
}

fn with(key: &str, value: Value) -> String {
    let mut body = sample();
    body[key] = value;
    body.to_string()
}

fn malformed(body: &str) -> Malformed {
    match Handshake::parse(body.as_bytes()) {
        Err(HandshakeError::Malformed(problem)) => problem,
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn verifies_sample_handshake() {
    let handshake = Handshake::parse(SAMPLE.as_bytes()).unwrap();
    assert_eq!(handshake.session_id, 3);
    let account = handshake.verify().unwrap().account;
    assert_eq!(account, handshake.pub_key.account());
    assert_eq!(account.to_string(), "sent15nxj5whr7hhpn370ddyyg88mm8ql5w5c5qy3el");
    let peer = PeerRequest::parse(&handshake.data, Some(Service::WireGuard)).unwrap();
    assert_eq!(peer.id.to_string(), "as+rf/Q1aqOThrG5/HtPOcrrFkpb+taa1haHl33f3iU=");
    assert_eq!(Handshake::parse(handshake.to_json().as_bytes()).unwrap(), handshake);
}

#[test]
fn rejects_signature_after_any_change() {
    let good = Handshake::parse(SAMPLE.as_bytes()).unwrap();
    let mut cases = vec![good.clone(); 4];
    cases[0].session_id = 4;
    cases[1].data.push(b' ');
    cases[2].signature[40] ^= 1;
    cases[3].pub_key = PublicKey::Ed25519([1; 32]);
    for case in cases {
        assert!(matches!(case.verify(), Err(HandshakeError::BadSignature(_))), "{case:?}");
        assert_ne!(case.digest(), good.digest());
    }
}

#[test]
fn rejects_signature_with_high_s() {
    let mut handshake = Handshake::parse(SAMPLE.as_bytes()).unwrap();
    let order = secp256k1::constants::CURVE_ORDER;
    let mut borrow = 0_i16;
    for index in (0..32).rev() {
        let digit = i16::from(order[index]) - i16::from(handshake.signature[32 + index]) - borrow;
        borrow = i16::from(digit < 0);
        handshake.signature[32 + index] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    assert_eq!(handshake.verify(), Err(BadSignature::Mismatch.into()));
    handshake.signature = [0xff; 64];
    assert_eq!(handshake.verify(), Err(BadSignature::Mismatch.into()));
    handshake.signature = [0; 64];
    assert_eq!(handshake.verify(), Err(BadSignature::Mismatch.into()));
}

#[test]
fn verifies_ed25519_keys_and_derives_their_account() {
    let secret = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
    let data = b"{\"public_key\":\"x\"}".to_vec();
    let mut handshake = Handshake {
        session_id: 9,
        signature: secret.sign(&Handshake::message(9, &data)).to_bytes(),
        data,
        pub_key: PublicKey::Ed25519(secret.verifying_key().to_bytes()),
    };
    let expected = &Sha256::digest(secret.verifying_key().to_bytes())[..20];
    assert_eq!(handshake.verify().unwrap().account.as_bytes(), expected);
    handshake.session_id = 10;
    assert_eq!(handshake.verify(), Err(BadSignature::Mismatch.into()));
}

#[test]
fn random_key_handshakes_verify_and_have_distinct_accounts() {
    let make = || {
        let handshake = Handshake::throwaway(7, PeerId::Key([3; 32]));
        let parsed = Handshake::parse(handshake.to_json().as_bytes()).unwrap();
        assert_eq!(parsed, handshake);
        let peer = PeerRequest::parse(&parsed.data, Some(Service::WireGuard)).unwrap();
        assert_eq!((parsed.session_id, peer.id), (7, PeerId::Key([3; 32])));
        parsed.verify().unwrap().account
    };
    assert_ne!(make(), make());
}

#[test]
fn rejects_fields_of_wrong_form_as_malformed() {
    for key in KEYS {
        let mut body = sample();
        body.as_object_mut().unwrap().remove(key);
        assert_eq!(malformed(&body.to_string()), Malformed::Missing(key));
        for value in [json!(null), json!([]), json!({}), json!(true), json!(1.5), json!("@")] {
            assert_eq!(malformed(&with(key, value)), Malformed::Field(key), "{key}");
        }
    }
    assert_eq!(malformed(&with("id", json!(0))), Malformed::Field("id"));
    assert_eq!(malformed(&with("data", json!(""))), Malformed::Field("data"));
    assert_eq!(malformed(&with("data", json!([123, 125]))), Malformed::Field("data"));
    let wrapped = SAMPLE.replacen("eyJw", "eyJw\\n", 1);
    assert_eq!(malformed(&wrapped), Malformed::Field("data"));
    let surrogate = SAMPLE.replacen("eyJw", "\\ud800", 1);
    assert_eq!(malformed(&surrogate), Malformed::Field("data"));
}

#[test]
fn rejects_case_variants_and_duplicates_of_keys() {
    for (from, to) in [("\"id\"", "\"ID\""), ("pub_key", "pub_\u{212A}ey"), ("signature", "\u{17F}ignature")]
    {
        assert!(matches!(malformed(&SAMPLE.replacen(from, to, 1)), Malformed::Case(_)), "{to}");
        let both = SAMPLE.replacen('{', &format!("{{\"{}\":1,", to.trim_matches('"')), 1);
        assert!(matches!(malformed(&both), Malformed::Case(_)), "{to}");
    }
    assert_eq!(malformed(&SAMPLE.replacen('{', "{\"id\":4,", 1)), Malformed::Duplicate);
    let more = SAMPLE.replacen('{', r#"{"extra":{"id":[1]},"#, 1);
    assert_eq!(Handshake::parse(more.as_bytes()), Handshake::parse(SAMPLE.as_bytes()));
    assert_eq!(malformed(&format!("{SAMPLE}{SAMPLE}")), Malformed::Trailing);
}

#[test]
fn reports_wrong_keys_and_lengths_as_signature_errors() {
    let short = Handshake::parse(with("signature", json!("AAAA")).as_bytes());
    assert_eq!(short, Err(BadSignature::Length.into()));
    let off_curve = PublicKey::Secp256k1([2; 33]).to_string().replacen("AgIC", "Av//", 1);
    for key in ["secp256k1:AAAA", "sr25519:AAAA"] {
        let parsed = Handshake::parse(with("pub_key", json!(key)).as_bytes());
        assert!(matches!(parsed, Err(HandshakeError::BadSignature(_))), "{key}");
    }
    // A type byte that no compressed key has.
    let point = PublicKey::Secp256k1([4; 33]).to_string();
    for key in [off_curve, point] {
        let parsed = Handshake::parse(with("pub_key", json!(key)).as_bytes()).unwrap();
        assert!(matches!(parsed.verify(), Err(HandshakeError::BadSignature(_))), "{key}");
    }
}

#[test]
fn peer_has_one_identifier() {
    let key = "as+rf/Q1aqOThrG5/HtPOcrrFkpb+taa1haHl33f3iU=";
    for data in [
        format!(r#"{{"public_key":"{key}"}}"#),
        format!(" {{ \"public_key\" :\t\"{key}\"\r\n}} "),
        format!(r#"{{"\u0070ublic_key":"{}"}}"#, key.replace('/', "\\/").replace('a', "\\u0061")),
    ] {
        for service in [None, Some(Service::WireGuard), Some(Service::AmneziaWg)] {
            let peer = PeerRequest::parse(data.as_bytes(), service).unwrap();
            assert_eq!(peer.id.to_string(), key);
        }
        assert!(PeerRequest::parse(data.as_bytes(), Some(Service::V2Ray)).is_err());
    }
}

#[test]
fn rejects_non_canonical_spellings_of_a_key() {
    let key = "as+rf/Q1aqOThrG5/HtPOcrrFkpb+taa1haHl33f3iU=";
    let zero = encoding::encode(&[0; 32]);
    for data in [
        format!(r#"{{"Public_Key":"{key}"}}"#),
        format!(r#"{{"public_\u212aey":"{key}"}}"#),
        format!(r#"{{"public_key":"x","public_key":"{key}"}}"#),
        format!(r#"{{"public_key":"{key}","extra":1}}"#),
        format!(r#"{{"public_key":"{key}","uuid":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}}"#),
        format!(r#"{{"public_key":"{}\n{}"}}"#, &key[..4], &key[4..]),
        format!(r#"{{"public_key":"{}V="}}"#, &key[..42]),
        format!(r#"{{"public_key":"{}"}}"#, &key[..43]),
        format!(r#"{{"public_key":["{key}"]}}"#),
        format!(r#"{{"public_key":"{key}"}}{{}}"#),
        format!(r#"{{"public_key":"{zero}"}}"#),
        r#"{"public_key":null}"#.to_owned(),
        r#"{"public_key":"AAAA"}"#.to_owned(),
        "{}".to_owned(),
        "null".to_owned(),
    ] {
        for service in [None, Some(Service::WireGuard)] {
            assert!(PeerRequest::parse(data.as_bytes(), service).is_err(), "{data}");
        }
    }
}

#[test]
fn reads_uuid_as_numbers_or_text_by_service() {
    let numbers = r#"{"uuid":[18,62,69,103,232,155,18,211,164,86,66,102,20,23,64,0]}"#;
    let text = r#"{"uuid":"123e4567-e89b-12d3-a456-426614174000"}"#;
    let parse = |data: &str, service| PeerRequest::parse(data.as_bytes(), service).map(|p| p.id.to_string());
    let id = Ok("123e4567-e89b-12d3-a456-426614174000".to_owned());
    let bad = Err(Malformed::Field("uuid"));
    for service in [Service::V2Ray, Service::OpenVpn] {
        assert_eq!(parse(numbers, Some(service)), id);
        assert_eq!(parse(text, Some(service)), bad);
    }
    assert_eq!(parse(numbers, Some(Service::Hysteria2)), bad);
    assert_eq!(parse(text, Some(Service::Hysteria2)), id);
    for service in [None, Some(Service::Xray)] {
        assert_eq!(parse(numbers, service), id);
        assert_eq!(parse(text, service), id);
    }
    for data in [
        r#"{"uuid":[]}"#,
        r#"{"uuid":[1,2,3]}"#,
        r#"{"uuid":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}"#,
        r#"{"uuid":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,256]}"#,
        r#"{"uuid":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,-1]}"#,
        r#"{"uuid":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1.0]}"#,
        r#"{"uuid":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,null]}"#,
        r#"{"uuid":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}"#,
        r#"{"uuid":"123E4567-e89b-12d3-a456-426614174000"}"#,
        r#"{"uuid":"123e4567e89b12d3a456426614174000"}"#,
        r#"{"uuid":"00000000-0000-0000-0000-000000000000"}"#,
        r#"{"uuid":null}"#,
        r#"{"UUID":"123e4567-e89b-12d3-a456-426614174000"}"#,
    ] {
        for service in [None, Some(Service::V2Ray), Some(Service::Xray), Some(Service::Hysteria2)] {
            assert!(parse(data, service).is_err(), "{data}");
        }
    }
    assert_eq!(parse("{}", None), Err(Malformed::Missing("uuid")));
}

fn json_text() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        proptest::sample::select(vec!["id", "data", "pub_key", "signature", "ID", "pub_\u{212A}ey", "x"])
            .prop_map(ToOwned::to_owned),
        "\\PC{0,6}",
    ];
    let value = prop_oneof![
        any::<u64>().prop_map(|id| id.to_string()),
        "[A-Za-z0-9+/=]{0,24}".prop_map(|text| format!("\"{text}\"")),
        Just("\"secp256k1:A3WyuiDs3l2uxvOg4TkB63HNsvQn6wYqLpY+oc4DvBwL\"".to_owned()),
        proptest::sample::select(vec!["null", "1.0", "[1]", "{\"id\":1}", "\"\\ud800\"", "true"])
            .prop_map(ToOwned::to_owned),
    ];
    prop::collection::vec((key, value), 0..8).prop_map(|fields| {
        let fields: Vec<_> = fields.iter().map(|(key, value)| format!("{}:{value}", json!(key))).collect();
        format!("{{{}}}", fields.join(","))
    })
}

proptest! {
    #[test]
    fn reads_arbitrary_bytes_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Handshake::parse(&bytes);
        let _ = PeerRequest::parse(&bytes, None);
    }

    /// What we accept is what a reader that takes the last of several keys would see.
    #[test]
    fn accepted_handshake_has_one_reading(body in json_text()) {
        if let Ok(handshake) = Handshake::parse(body.as_bytes()) {
            let other: Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(other["id"].as_u64(), Some(handshake.session_id));
            prop_assert_eq!(&other["data"], &json!(encoding::encode(&handshake.data)));
            prop_assert_eq!(&other["pub_key"], &json!(handshake.pub_key.to_string()));
            prop_assert_eq!(Handshake::parse(handshake.to_json().as_bytes()), Ok(handshake));
        }
    }

    #[test]
    fn verifies_valid_handshakes_and_rejects_changed_ones(
        id in 1_u64.., secret in 1_u8..255, data in prop::collection::vec(any::<u8>(), 1..200), flip: usize,
    ) {
        let secp = Secp256k1::new();
        let secret = SecretKey::from_byte_array([secret; 32]).unwrap();
        let digest = Message::from_digest(Sha256::digest(Handshake::message(id, &data)).into());
        let handshake = Handshake {
            session_id: id,
            data,
            pub_key: PublicKey::Secp256k1(secret.public_key(&secp).serialize()),
            signature: secp.sign_ecdsa(digest, &secret).serialize_compact(),
        };
        let parsed = Handshake::parse(handshake.to_json().as_bytes()).unwrap();
        prop_assert_eq!(parsed.verify().unwrap().account, handshake.pub_key.account());
        prop_assert_eq!(&parsed, &handshake);
        let mut changed = handshake.clone();
        let at = flip % changed.data.len();
        changed.data[at] ^= 1;
        prop_assert!(changed.verify().is_err());
    }

    #[test]
    fn peer_requests_round_trip(key: [u8; 32], uuid: [u8; 16], index in 0..Service::ALL.len()) {
        let service = Service::ALL[index];
        let by_key = matches!(service, Service::WireGuard | Service::AmneziaWg);
        let request = PeerRequest { id: if by_key { PeerId::Key(key) } else { PeerId::Uuid(uuid) } };
        let data = request.to_json(service);
        if key != [0; 32] && uuid != [0; 16] {
            prop_assert_eq!(PeerRequest::parse(data.as_bytes(), Some(service)), Ok(request));
            prop_assert_eq!(PeerRequest::parse(data.as_bytes(), None), Ok(request));
        }
    }
}
