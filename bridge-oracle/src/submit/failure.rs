//! Classifies failures of transactions and simulations.

use sentinel_proto::hub::TxRejection;

/// Cause of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// A message is at fault; the others may be good.
    Message(String),
    /// The fees are not covered: nothing works until an operator acts.
    Fees(String),
    /// The gas limit was too low.
    OutOfGas(String),
    /// The signature uses another sequence than the account's.
    Sequence(String),
}

impl Failure {
    /// Classifies the text of a simulation, which has no code.
    pub(super) fn from_text(text: &str) -> Self {
        let has = |part: &str| text.contains(part);
        let words = text.to_owned();
        // Texts of x/feegrant and of the fee check. A lease without funds also says "insufficient funds", but inside a
        // message, whose index is named.
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

    /// Classifies by code, or by text where the code is ambiguous.
    pub(super) fn from_refusal(refused: &TxRejection) -> Self {
        let words = refused.to_string();
        match (refused.codespace.as_str(), refused.code) {
            ("sdk", 32) => Self::Sequence(words),
            ("sdk", 11) => Self::OutOfGas(words),
            ("sdk", 13) | ("feegrant", _) => Self::Fees(words),
            _ => Self::from_text(&words),
        }
    }
}

/// Shortens an error text to its reason: removes the message index, the message and the gas.
pub(super) fn shorten_error(text: &str) -> String {
    let text = text.split(" With gas wanted").next().unwrap_or(text);
    // authz prints the message, which ends in a space, before the reason.
    let reason = text.split_once(" : ").map(|(_, reason)| reason);
    let reason =
        reason.or_else(|| text.split_once("message index: ")?.1.split_once(": ").map(|(_, rest)| rest));
    let reason = reason.unwrap_or(text).trim();
    // Simulations append the source line of the hub.
    let place = reason.rfind(" [").filter(|_| reason.ends_with(']') && reason.contains(".go:"));
    place.map_or(reason, |at| &reason[..at]).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classifies_hub_error_texts() {
        let link = "failed to execute message; message index: 0: failed to execute message; message \
                    from:\"sentprov1x\" id:1 node_address:\"sentnode1x\" : node sentnode1x for plan 1 already exists: \
                    duplicate node for plan [x/errors.go:53] With gas wanted: '0' and gas used: '70000' ";
        assert!(matches!(Failure::from_text(link), Failure::Message(_)));
        assert_eq!(shorten_error(link), "node sentnode1x for plan 1 already exists: duplicate node for plan");
        let ungranted = "failed to execute message; message index: 0: failed to update grant with key x: \
                         authorization not found";
        assert_eq!(shorten_error(ungranted), "failed to update grant with key x: authorization not found");
        let poor = "failed to execute message; message index: 0: spendable balance 1udvpn is smaller than \
                    2udvpn: insufficient funds";
        assert!(matches!(Failure::from_text(poor), Failure::Message(_)));
        for fees in [
            "fee limit exceeded: basic allowance",
            "sent1x does not allow to pay fees for sent1y: fee-grant not found: not found",
            "insufficient fees; got: 1udvpn required: 2udvpn: insufficient fee",
            "spendable balance  is smaller than 2udvpn: insufficient funds",
        ] {
            assert!(matches!(Failure::from_text(fees), Failure::Fees(_)), "{fees}");
        }
        let refused =
            |codespace: &str, code| TxRejection { codespace: codespace.to_owned(), code, log: String::new() };
        assert!(matches!(Failure::from_refusal(&refused("sdk", 32)), Failure::Sequence(_)));
        assert!(matches!(Failure::from_refusal(&refused("sdk", 11)), Failure::OutOfGas(_)));
        assert!(matches!(Failure::from_refusal(&refused("feegrant", 3)), Failure::Fees(_)));
        assert!(matches!(Failure::from_refusal(&refused("subscription", 111)), Failure::Message(_)));
    }
}
