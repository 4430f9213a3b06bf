//! Why a handshake is not one.

/// Why a handshake was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The body has not the form of a handshake.
    #[error("malformed: {0}")]
    Malformed(#[from] Malformed),
    /// The public key or the signature is wrong.
    #[error("wrong signature or public key: {0}")]
    BadSignature(#[from] BadSignature),
}

/// What is wrong with the form. None of the texts repeats what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or not an object.
    #[error("not a JSON object (line {line}, column {column})")]
    Json {
        /// Line of the first error.
        line: usize,
        /// Column of the first error.
        column: usize,
    },
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Something follows the object.
    #[error("bytes after the JSON object")]
    Trailing,
    /// The same key twice.
    #[error("a key appears twice")]
    Duplicate,
    /// A known key in other letters.
    #[error("a key differs from {0:?} only in case")]
    Case(&'static str),
    /// A key that has no place here.
    #[error("unknown key")]
    Unknown,
    /// A needed key is absent.
    #[error("{0:?} is missing")]
    Missing(&'static str),
    /// The value has a wrong type, range or encoding.
    #[error("{0:?} has a wrong type, range or encoding")]
    Field(&'static str),
}

impl Malformed {
    pub(super) fn json(error: &serde_json::Error) -> Self {
        Self::Json { line: error.line(), column: error.column() }
    }
}

/// What is wrong with key or signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// Neither secp256k1 nor ed25519.
    #[error("the type of the public key is neither secp256k1 nor ed25519")]
    KeyType,
    /// Wrong length, or not on the curve.
    #[error("the public key is not a point of its curve")]
    Key,
    /// Not 64 bytes.
    #[error("the signature has not 64 bytes")]
    Length,
    /// Does not verify.
    #[error("the signature does not verify")]
    Mismatch,
}
