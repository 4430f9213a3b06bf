//! The pure function against a model of the hub.

mod model;
mod properties;
mod stories;
