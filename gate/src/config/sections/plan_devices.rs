//! Devices of single plans, by the plan's number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Devices at a time for sessions of these plans; any other one has its tier's figure.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, u32>", into = "BTreeMap<String, u32>")]
pub struct PlanDevices(BTreeMap<u64, u32>);

/// The text is no plan's number.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no plan: write its number alone, as in `plan_devices = {{ 7 = 5 }}`")]
pub struct NoPlan(String);

impl PlanDevices {
    /// The figure of a plan, if it has one of its own.
    pub fn of(&self, plan: u64) -> Option<u32> {
        self.0.get(&plan).copied()
    }

    /// Plans and their figures.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u32)> {
        self.0.iter().map(|(plan, devices)| (*plan, *devices))
    }
}

impl FromIterator<(u64, u32)> for PlanDevices {
    fn from_iter<I: IntoIterator<Item = (u64, u32)>>(plans: I) -> Self {
        Self(plans.into_iter().collect())
    }
}

impl TryFrom<BTreeMap<String, u32>> for PlanDevices {
    type Error = NoPlan;

    fn try_from(written: BTreeMap<String, u32>) -> Result<Self, NoPlan> {
        // Each number has one spelling: two of them for one plan would hide one of the figures.
        let plan = |text: String| match text.parse::<u64>() {
            Ok(plan) if plan.to_string() == text => Ok(plan),
            _ => Err(NoPlan(text)),
        };
        written.into_iter().map(|(text, devices)| Ok((plan(text)?, devices))).collect()
    }
}

impl From<PlanDevices> for BTreeMap<String, u32> {
    fn from(plans: PlanDevices) -> Self {
        plans.0.into_iter().map(|(plan, devices)| (plan.to_string(), devices)).collect()
    }
}
