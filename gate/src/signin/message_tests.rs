//! A message has one accepted spelling.

use proptest::prelude::*;

use super::*;

const NOW: UnixTime = 1_795_205_696;

fn template() -> MessageTemplate {
    MessageTemplate {
        domain: "gate.example:8585".parse().unwrap(),
        uri: "https://gate.example:8585/".into(),
        network: "sentinel".into(),
        chain_id: 1,
        ttl: 86_400,
        challenge_ttl: 300,
    }
}

fn statement(vault: Option<u8>) -> BindingMessage {
    BindingMessage {
        wallet: Address::repeat_byte(0xab),
        account: AccountAddress::new([7; 20]),
        vault: vault.map(Address::repeat_byte),
        nonce: "0123456789abcdef".into(),
        issued_at: NOW,
        expires_at: NOW + 86_400,
    }
}

fn read(text: &str) -> Result<BindingMessage, MessageError> {
    BindingMessage::from_text(text, &parse(text)?, &template())
}

const TEXT: &str = "\
gate.example:8585 wants you to sign in with your Ethereum account:
0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB

I let the Sentinel account sent1qurswpc8qurswpc8qurswpc8qurswpc8gg3ryw use the sentinel network with the Memes \
cards of this wallet until 2026-11-21T20:14:56Z. Sign only if this account is yours. This moves nothing and \
costs nothing.

URI: https://gate.example:8585/
Version: 1
Chain ID: 1
Nonce: 0123456789abcdef
Issued At: 2026-11-20T20:14:56Z
Expiration Time: 2026-11-21T20:14:56Z
Resources:
- sentinel:account:sent1qurswpc8qurswpc8qurswpc8qurswpc8gg3ryw
- sentinel:network:sentinel
- sentinel:vault:0xCdCDCdCdcdcdcdCdcDcDCdcDcDCdCdcdCdcDCDcD";

#[test]
fn renders_expected_text_and_parses_it_back() {
    let account = AccountAddress::new([7; 20]).to_string();
    let expected = TEXT.replace("sent1qurswpc8qurswpc8qurswpc8qurswpc8gg3ryw", &account);
    let text = statement(Some(0xcd)).render(&template()).unwrap();
    assert_eq!(text, expected);
    assert_eq!(read(&text), Ok(statement(Some(0xcd))));
    let bare = statement(None).render(&template()).unwrap();
    assert_eq!(bare, expected.rsplit_once('\n').unwrap().0);
    assert_eq!(read(&bare), Ok(statement(None)));
    assert!(text.len() < MAX_MESSAGE_BYTES / 4);
}

/// Every variant was once accepted by some parser.
#[test]
fn rejects_other_spellings_and_fields() {
    let good = statement(Some(0xcd)).render(&template()).unwrap();
    let vault = Address::repeat_byte(0xcd).to_string();
    let other_account = AccountAddress::new([8; 20]).to_string();
    let account = AccountAddress::new([7; 20]).to_string();
    let changes: &[(&str, &str)] = &[
        ("gate.example:8585 wants", "Gate.example:8585 wants"),
        ("gate.example:8585 wants", "gate.example wants"),
        ("gate.example:8585 wants", "gate.example:8586 wants"),
        ("gate.example:8585 wants", "user@gate.example:8585 wants"),
        ("gate.example:8585 wants", "https://gate.example:8585 wants"),
        ("gate.example:8585 wants", "gate.exarnple:8585 wants"),
        ("gate.example:8585 wants", "gate.example:8585. wants"),
        ("gate.example:8585 wants", "gate.example:08585 wants"),
        ("gate.example:8585 wants", "gate.example.:8585 wants"),
        ("gate.example:8585 wants", "gate.example:8585@evil.example wants"),
        ("gate.example:8585 wants", "gate.example.evil.example:8585 wants"),
        ("gate.example:8585 wants", "gate%2eexample:8585 wants"),
        ("gate.example:8585 wants", "g\u{430}te.example:8585 wants"),
        ("gate.example:8585 wants", "xn--gte-5cd.example:8585 wants"),
        ("0xABaB", "0xabab"),
        ("0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB", "0xabababababababababababababababababababab"),
        ("0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB", "0xABABABABABABABABABABABABABABABABABABABAB"),
        ("0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB", "0xABaBaBaBABabABabAbAbABAbABabababaBaBABa"),
        ("I let", "I do not let"),
        ("I let", " I let"),
        ("8585/\nVersion", "8585\nVersion"),
        ("https://gate", "http://gate"),
        ("URI: https", "URI:https"),
        ("Version: 1", "Version: 01"),
        ("Version: 1", "Version: 2"),
        ("Chain ID: 1", "Chain ID: 01"),
        ("Chain ID: 1", "Chain ID: +1"),
        ("Chain ID: 1", "Chain ID: 0x1"),
        ("Chain ID: 1", "Chain ID: 11155111"),
        ("Nonce: 0123456789abcdef\n", ""),
        ("Nonce: 0123456789abcdef", "Nonce: 0123456"),
        ("Nonce: 0123456789abcdef", "Nonce: "),
        ("Nonce: 0123456789abcdef", "Nonce: 0123456789abcde-"),
        ("Nonce: 0123456789abcdef", "nonce: 0123456789abcdef"),
        ("Issued At: 2026-11-20T20:14:56Z", "Issued At: 2026-11-20T20:14:56.000Z"),
        ("Issued At: 2026-11-20T20:14:56Z", "Issued At: 2026-11-20T20:14:56+00:00"),
        ("Issued At: 2026-11-20T20:14:56Z", "Issued At: 2026-11-20T21:14:56+01:00"),
        ("Issued At: 2026-11-20T20:14:56Z", "Issued At: 2026-11-20 20:14:56Z"),
        ("Issued At: 2026-11-20T20:14:56Z", "Issued At: 2026-11-20t20:14:56z"),
        ("Issued At: 2026-11-20T20:14:56Z", "Issued At: 2026-11-20T20:14:55Z"),
        ("Expiration Time: 2026-11-21T20:14:56Z\n", ""),
        ("Expiration Time: 2026-11-21T20:14:56Z", "Expiration Time: 2026-11-21T20:14:57Z"),
        ("Expiration Time: 2026-11-21T20:14:56Z", "Expiration Time: 2126-11-21T20:14:56Z"),
        ("Expiration Time: 2026-11-21T20:14:56Z", "Expiration Time: 2026-11-20T20:14:56Z"),
        ("\nResources", "\nNot Before: 2026-11-20T20:14:56Z\nResources"),
        ("\nResources", "\nRequest ID: 7\nResources"),
        ("\nResources", "\nRequest ID: \nResources"),
        ("Resources:\n", "Resources: \n"),
        ("- sentinel:network:sentinel\n", ""),
        ("- sentinel:network:sentinel", "- sentinel:network:testnet"),
        ("- sentinel:network:sentinel", "-sentinel:network:sentinel"),
        ("- sentinel:network:sentinel", "- sentinel:network:sentinel\n- sentinel:network:sentinel"),
        ("- sentinel:network:sentinel", "- SENTINEL:network:sentinel"),
        (&format!("- sentinel:account:{account}"), &format!("- sentinel:account:{other_account}")),
        (&format!("- sentinel:account:{account}\n"), ""),
        (&vault, &vault.to_lowercase()),
        (&vault, &vault[..41]),
        (&format!("vault:{vault}"), &format!("vault:{vault}\n- https://gate.example/")),
        (&format!("vault:{vault}"), &format!("vault:{vault}\n")),
        (&format!("vault:{vault}"), &format!("vault:{vault} ")),
        (&format!("vault:{vault}"), &format!("vault:{vault}\0")),
        ("\n\nI let", "\n\n\nI let"),
        ("\n\nURI", "\nURI"),
        ("\n", "\r\n"),
        ("costs nothing", "c\u{043e}sts nothing"),
        ("costs nothing", "costs\tnothing"),
    ];
    for (from, to) in changes {
        let bad = if *from == "\n" { good.replace(from, to) } else { good.replacen(from, to, 1) };
        assert_ne!(bad, good, "{from:?} is not in the text");
        assert!(read(&bad).is_err(), "{from:?} -> {to:?} got through");
    }
    let mut swapped: Vec<&str> = good.lines().collect();
    swapped.swap(6, 7);
    assert!(read(&swapped.join("\n")).is_err());
    assert!(read(&format!("{good}\n{good}")).is_err());
    assert!(read(&format!("\u{feff}{good}")).is_err());
    assert_eq!(read(&good.repeat(9)), Err(MessageError::TooLong));
}

/// For a few addresses the checksum form has letters of one case only.
#[test]
fn accepts_checksum_form_with_letters_of_one_case() {
    let mut seen = [0, 0];
    for n in 0..200_u8 {
        let mut wallet = [0x11; 20];
        wallet[18..].copy_from_slice(&[n, 0x1c]);
        let statement = BindingMessage { wallet: wallet.into(), ..statement(None) };
        let digits = statement.wallet.to_checksum(None)[2..].to_owned();
        let [lower, upper] = [digits.to_ascii_lowercase(), digits.to_ascii_uppercase()];
        let text = statement.render(&template()).unwrap();
        assert_eq!(read(&text), Ok(statement));
        for (other, seen) in [lower, upper].into_iter().zip(&mut seen) {
            if other == digits {
                *seen += 1;
            } else {
                assert!(read(&text.replace(&digits, &other)).is_err(), "{other}");
            }
        }
    }
    assert!(seen.iter().all(|seen| *seen > 5), "{seen:?}");
}

#[test]
fn distinguishes_foreign_message_from_malformed_text() {
    let other = "other.example wants you to sign in with your Ethereum account:\n\
        0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB\n\n\nURI: https://other.example\nVersion: 1\nChain ID: 1\n\
        Nonce: abcdefgh\nIssued At: 2026-11-20T20:14:56.123Z";
    assert_eq!(parse(other).unwrap().nonce, "abcdefgh");
    assert_eq!(read(other), Err(MessageError::Field("the domain")));
    assert!(matches!(parse("hello"), Err(MessageError::Form(_))));
}

proptest! {
    #[test]
    fn parses_every_rendered_message(
        wallet: [u8; 20], account: [u8; 20], vault: Option<[u8; 20]>, issued_at in 0..4_000_000_000_i64,
        lifetime in 1..=86_400_i64, nonce in "[0-9a-f]{88}",
    ) {
        let statement = BindingMessage {
            wallet: wallet.into(),
            account: AccountAddress::new(account),
            vault: vault.map(Into::into),
            nonce,
            issued_at,
            expires_at: issued_at + lifetime,
        };
        let text = statement.render(&template()).unwrap();
        prop_assert_eq!(read(&text), Ok(statement));
    }

    /// A text with one byte added, removed or changed never parses to the same message.
    #[test]
    fn different_texts_never_parse_to_the_same_message(at in 0..900_usize, byte in 0..=127_u8, how in 0..3_u8) {
        let original = statement(Some(0xcd));
        let good = original.render(&template()).unwrap();
        let mut bytes = good.clone().into_bytes();
        let at = at % bytes.len();
        match how {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        let text = String::from_utf8(bytes).unwrap();
        if text != good {
            prop_assert_ne!(read(&text), Ok(original));
        }
    }

    #[test]
    fn parses_or_rejects_any_text(text in "\\PC{0,300}|([ -~]{0,60}\n){0,14}") {
        if let Ok(message) = parse(&text) {
            prop_assert_eq!(message.to_string(), text);
        }
    }

    /// Of the lines of a valid message in any order and number, only the valid message parses.
    #[test]
    fn rejects_shuffled_lines(picks in proptest::collection::vec(0..15_usize, 0..20)) {
        let good = statement(Some(0xcd)).render(&template()).unwrap();
        let lines: Vec<&str> = good.lines().collect();
        let text: Vec<&str> = picks.into_iter().map(|pick| lines[pick % lines.len()]).collect();
        let text = text.join("\n");
        if let Ok(statement) = read(&text) {
            prop_assert_eq!(statement.render(&template()).unwrap(), text);
        }
    }
}
