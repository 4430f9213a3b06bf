//! The file that `init` writes.

/// `config.toml` with every key, explained, at its default; keys without one hold an example.
pub const TEMPLATE: &str = include_str!("template.toml");
