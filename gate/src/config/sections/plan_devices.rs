//! Devices of single plans, by the plan's number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Concurrent devices for sessions of these plans; other plans use the tier's number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, u32>", into = "BTreeMap<String, u32>")]
pub struct PlanDevices(BTreeMap<u64, u32>);

/// The text is not a plan number.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no plan: write its number alone, as in `plan_devices = {{ 7 = 5 }}`")]
pub struct InvalidPlanNumber(String);

impl PlanDevices {
    /// Returns the number of a plan, if set.
    pub fn of(&self, plan: u64) -> Option<u32> {
        self.0.get(&plan).copied()
    }

    /// Iterates over plans and their numbers.
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
    type Error = InvalidPlanNumber;

    fn try_from(written: BTreeMap<String, u32>) -> Result<Self, InvalidPlanNumber> {
        // Only the canonical spelling is accepted: two spellings of one plan would hide one of the values.
        let plan = |text: String| match text.parse::<u64>() {
            Ok(plan) if plan.to_string() == text => Ok(plan),
            _ => Err(InvalidPlanNumber(text)),
        };
        written.into_iter().map(|(text, devices)| Ok((plan(text)?, devices))).collect()
    }
}

impl From<PlanDevices> for BTreeMap<String, u32> {
    fn from(plans: PlanDevices) -> Self {
        plans.0.into_iter().map(|(plan, devices)| (plan.to_string(), devices)).collect()
    }
}
