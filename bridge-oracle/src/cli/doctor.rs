//! `bridge-oracle doctor`: checks that the oracle can work and that its key can do nothing else.

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Result;
use bridge_oracle::doctor::HubDoctor;
use service_runtime::doctor;

use super::context::HubContext;

pub(super) async fn run(home: &Path, json: bool) -> Result<ExitCode> {
    let context = HubContext::load(home)?;
    let patient = HubDoctor {
        hub: &context.hub,
        key: &context.key,
        settings: &context.settings,
        plans: &context.governed.hub.plans,
        hours: context.governed.lease.hours,
        budget: context.governed.lease.max_per_day,
    };
    let checks = patient.run_checks(SystemTime::now()).await;
    println!("{}", doctor::report(&checks, json)?);
    Ok(doctor::code(&checks))
}
