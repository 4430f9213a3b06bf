//! `bridge-oracle doctor`: whether it can work, and that its key can do no more.

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Result;
use bridge_oracle::doctor::Patient;
use service_runtime::doctor;

use super::parts::Parts;

pub(super) async fn run(home: &Path, json: bool) -> Result<ExitCode> {
    let parts = Parts::load(home)?;
    let patient = Patient {
        hub: &parts.hub,
        key: &parts.key,
        settings: &parts.settings,
        plans: &parts.governed.hub.plans,
        hours: parts.governed.lease.hours,
        budget: parts.governed.lease.max_per_day,
    };
    let checks = patient.examine(SystemTime::now()).await;
    println!("{}", doctor::report(&checks, json)?);
    Ok(doctor::code(&checks))
}
