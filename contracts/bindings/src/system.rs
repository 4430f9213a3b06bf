//! The system of contracts: stake, standing, scores, slashing, parameters, sessions, split.
//!
//! Generated from the committed artefacts, so that what is called here is what was compiled. Each contract is a
//! module of calls (`NodeRegistry::standingCall`), events and errors, with the structs of its interface beside it.

/// Declares one contract as a module of its own, since interfaces occur in several.
macro_rules! contract {
    ($module:ident, $name:ident, $artifact:literal, $purpose:literal) => {
        #[doc = $purpose]
        #[allow(
            missing_docs,
            clippy::pedantic,
            reason = "generated; the words are in the Solidity interfaces"
        )]
        pub mod $module {
            alloy::sol!(
                #[derive(Debug, PartialEq, Eq)]
                $name,
                $artifact
            );
        }
        pub use $module::$name;
    };
}

contract!(access_policy, AccessPolicy, "../artifacts/AccessPolicy.json", "Which cards open which tier.");
contract!(
    node_registry,
    NodeRegistry,
    "../artifacts/NodeRegistry.json",
    "Nodes, their stake and their standing."
);
contract!(
    parameter_registry,
    ParameterRegistry,
    "../artifacts/ParameterRegistry.json",
    "Everything that governance may turn, the pause and the emergency blacklist."
);
contract!(
    payment_splitter,
    PaymentSplitter,
    "../artifacts/PaymentSplitter.json",
    "Shares payments among operator, treasury and stakers."
);
contract!(
    reputation_oracle,
    ReputationOracle,
    "../artifacts/ReputationOracle.json",
    "The committee and the scores that it attests."
);
contract!(
    session_manager,
    SessionManager,
    "../artifacts/SessionManager.json",
    "Deposits, receipts, claims and refunds of sessions."
);
contract!(
    slashing_manager,
    SlashingManager,
    "../artifacts/SlashingManager.json",
    "Offences, disputes and what they cost."
);
contract!(
    tiered_timelock,
    TieredTimelock,
    "../artifacts/TieredTimelock.json",
    "The governor of all the others."
);
