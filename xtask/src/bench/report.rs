//! Telling and keeping what was measured.

use anyhow::Result;
use sentinel_stack::paths;
use serde_json::Value;

/// Writes the figures of one measurement to `target/bench/NAME.json`.
pub(super) fn write(name: &str, figures: &Value) -> Result<()> {
    let directory = paths::target().join("bench");
    std::fs::create_dir_all(&directory)?;
    let path = directory.join(format!("{name}.json"));
    std::fs::write(&path, serde_json::to_vec_pretty(figures)?)?;
    println!("written to {}", path.display());
    Ok(())
}

/// One row for each figure.
pub(super) fn rows(figures: &Value) {
    for (name, value) in figures.as_object().into_iter().flatten() {
        match value {
            Value::Object(_) => {
                println!("  {name}");
                rows(value);
            }
            _ => println!("  {name:<32} {value:>14}"),
        }
    }
}
