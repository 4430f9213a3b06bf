//! Whose fault it is that a transaction would fail, or failed.

use sentinel_proto::hub::Refused;

/// What a failure says about the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Some message in it is at fault; the others may be good.
    Message(String),
    /// The fees are not paid for: nothing will work until somebody acts.
    Fees(String),
    /// The limit was too low.
    OutOfGas(String),
    /// Signed for another sequence than the account's.
    Sequence(String),
}

impl Failure {
    /// Reads the hub's words of a simulation, which come without a code.
    pub(super) fn of_text(text: &str) -> Self {
        let has = |part: &str| text.contains(part);
        let words = text.to_owned();
        // The words of x/feegrant and of the fee check; a lease without funds says "insufficient funds" too, but
        // inside of a message, whose index is named.
        let in_message = has("failed to execute message");
        let fees = [
            "fee-grant not found",
            "fee limit exceeded",
            "fee allowance expired",
            "does not allow to pay fees",
        ];
        if !in_message
            && (fees.iter().any(|part| has(part)) || has("insufficient f") || has("message not allowed"))
        {
            Self::Fees(words)
        } else if has("account sequence mismatch") {
            Self::Sequence(words)
        } else if has("out of gas") {
            Self::OutOfGas(words)
        } else {
            Self::Message(words)
        }
    }

    /// Reads a code, or the words where the code leaves it open.
    pub(super) fn of_refusal(refused: &Refused) -> Self {
        let words = refused.to_string();
        match (refused.codespace.as_str(), refused.code) {
            ("sdk", 32) => Self::Sequence(words),
            ("sdk", 11) => Self::OutOfGas(words),
            ("sdk", 13) | ("feegrant", _) => Self::Fees(words),
            _ => Self::of_text(&words),
        }
    }
}

/// The hub's words without what stands around the reason: where the message stood, what was in it, and the gas.
pub(super) fn short(text: &str) -> String {
    let text = text.split(" With gas wanted").next().unwrap_or(text);
    // authz writes out the message, which ends in a space, before the reason.
    let reason = text.split_once(" : ").map(|(_, reason)| reason);
    let reason =
        reason.or_else(|| text.split_once("message index: ")?.1.split_once(": ").map(|(_, rest)| rest));
    let reason = reason.unwrap_or(text).trim();
    // Simulations end in the line of the hub's source.
    let place = reason.rfind(" [").filter(|_| reason.ends_with(']') && reason.contains(".go:"));
    place.map_or(reason, |at| &reason[..at]).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hubs_own_words_are_understood() {
        let link = "failed to execute message; message index: 0: failed to execute message; message \
                    from:\"sentprov1x\" id:1 node_address:\"sentnode1x\" : node sentnode1x for plan 1 already exists: \
                    duplicate node for plan [x/errors.go:53] With gas wanted: '0' and gas used: '70000' ";
        assert!(matches!(Failure::of_text(link), Failure::Message(_)));
        assert_eq!(short(link), "node sentnode1x for plan 1 already exists: duplicate node for plan");
        let ungranted = "failed to execute message; message index: 0: failed to update grant with key x: \
                         authorization not found";
        assert_eq!(short(ungranted), "failed to update grant with key x: authorization not found");
        let poor = "failed to execute message; message index: 0: spendable balance 1udvpn is smaller than \
                    2udvpn: insufficient funds";
        assert!(matches!(Failure::of_text(poor), Failure::Message(_)));
        for fees in [
            "fee limit exceeded: basic allowance",
            "sent1x does not allow to pay fees for sent1y: fee-grant not found: not found",
            "insufficient fees; got: 1udvpn required: 2udvpn: insufficient fee",
            "spendable balance  is smaller than 2udvpn: insufficient funds",
        ] {
            assert!(matches!(Failure::of_text(fees), Failure::Fees(_)), "{fees}");
        }
        let refused =
            |codespace: &str, code| Refused { codespace: codespace.to_owned(), code, log: String::new() };
        assert!(matches!(Failure::of_refusal(&refused("sdk", 32)), Failure::Sequence(_)));
        assert!(matches!(Failure::of_refusal(&refused("sdk", 11)), Failure::OutOfGas(_)));
        assert!(matches!(Failure::of_refusal(&refused("feegrant", 3)), Failure::Fees(_)));
        assert!(matches!(Failure::of_refusal(&refused("subscription", 111)), Failure::Message(_)));
    }
}
