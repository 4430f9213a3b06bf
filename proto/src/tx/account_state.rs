/// Account number and sequence that a transaction is signed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountState {
    /// Account number, assigned once by the chain.
    pub number: u64,
    /// Sequence of the next transaction of the account.
    pub sequence: u64,
}
