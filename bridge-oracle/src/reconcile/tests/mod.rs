//! Tests of the pure function against a model of the hub.

mod fixture;
mod properties;
mod scenarios;
