//! `cargo xtask deps`: prints the crate graph and the module graph of every crate; fails on a cycle or a forbidden edge.

mod graph;
mod modules;
mod rules;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use graph::Graph;
use modules::CrateSource;

/// Part of the output of `cargo metadata` that the rules need.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `dev` or `build`; absent for a normal dependency.
    kind: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
    src_path: PathBuf,
}

/// Prints the graphs and every violation.
pub(crate) fn run() -> Result<ExitCode> {
    let metadata = read_metadata()?;
    let mut violations = check_crates(&metadata);
    for package in &metadata.packages {
        let directory = package.manifest_path.parent().unwrap_or(Path::new("."));
        let of_kind = |kind: &str| {
            package.targets.iter().find(move |target| target.kind.iter().any(|name| name == kind))
        };
        let Some(root) = of_kind("lib").or_else(|| of_kind("bin")) else { continue };
        let source = CrateSource::read(directory, &root.src_path)?;
        violations.extend(check_modules(&package.name, &source));
    }
    if violations.is_empty() {
        println!("\nno cycle and no forbidden edge");
        return Ok(ExitCode::SUCCESS);
    }
    println!("\n{} violations:", violations.len());
    for violation in &violations {
        println!("{violation}");
    }
    Ok(ExitCode::FAILURE)
}

fn read_metadata() -> Result<Metadata> {
    let output = crate::cargo::command()
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(sentinel_stack::paths::repository())
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("cannot read the output of cargo metadata")
}

/// Prints the crate graph. Development dependencies do not count: a test may use what it likes.
fn check_crates(metadata: &Metadata) -> Vec<String> {
    let mut graph = Graph::default();
    let mut violations = Vec::new();
    for package in &metadata.packages {
        graph.add_node(&package.name);
        for dependency in &package.dependencies {
            let local = metadata.packages.iter().any(|other| other.name == dependency.name);
            if !local || dependency.kind.as_deref() == Some("dev") {
                continue;
            }
            graph.add_edge(&package.name, &dependency.name, "Cargo.toml");
            let foundation = |name: &str| rules::FOUNDATION.contains(&name);
            if foundation(&package.name) && !foundation(&dependency.name) {
                violations
                    .push(format!("{} depends on {}, which holds policy", package.name, dependency.name));
            }
        }
    }
    report("crates", &graph, &mut violations);
    violations
}

fn check_modules(package: &str, source: &CrateSource) -> Vec<String> {
    let mut graph = Graph::default();
    source.modules.iter().for_each(|module| graph.add_node(module));
    for reference in source.references.iter().filter(|reference| !reference.module.is_empty()) {
        if let Some(target) = source.target_module(reference).filter(|target| *target != reference.module) {
            graph.add_edge(&reference.module, target, &reference.file);
        }
    }
    let mut violations = Vec::new();
    report(package, &graph, &mut violations);
    let mut forbidden: Vec<_> =
        source.references.iter().filter_map(|reference| rules::violation(package, reference)).collect();
    forbidden.sort();
    forbidden.dedup();
    violations.extend(forbidden);
    violations
}

fn report(title: &str, graph: &Graph, violations: &mut Vec<String>) {
    println!("\n{title}");
    graph.lines().iter().for_each(|line| println!("  {line}"));
    for cycle in graph.cycles() {
        let edges = graph.edges_within(&cycle).join("\n  ");
        violations.push(format!("{title}: cycle between {}\n  {edges}", cycle.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACYCLIC: [(&str, &str); 3] = [
        ("src/lib.rs", "mod access; mod store; pub use store::Store;"),
        ("src/access.rs", "use crate::Store; fn read(_: &Store) {}"),
        (
            "src/store.rs",
            "use rusqlite::Connection; pub struct Store(Connection);\n#[cfg(test)] mod tests { use crate::access; }",
        ),
    ];

    fn check(changed: &[(&str, &str)]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        modules::write_fixture(directory.path(), &ACYCLIC);
        modules::write_fixture(directory.path(), changed);
        let source = CrateSource::read(directory.path(), &directory.path().join("src/lib.rs")).unwrap();
        check_modules("sovereign-gate", &source)
    }

    #[test]
    fn accepts_acyclic_crate() {
        assert_eq!(check(&[]), Vec::<String>::new());
    }

    #[test]
    fn rejects_module_cycle_and_names_its_files() {
        let found = check(&[("src/store.rs", "pub struct Store; fn f() { super::access::read(&Store) }")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("cycle between access, store"), "{found:?}");
        assert!(found[0].contains("store -> access: src/store.rs"), "{found:?}");
    }

    #[test]
    fn rejects_forbidden_edges() {
        for (text, rule) in [
            ("use rusqlite::Connection;", "SQL outside the store"),
            ("use http::header::HOST;", "HTTP headers outside edge"),
            ("fn f(_: &axum::http::HeaderMap) {}", "HTTP headers outside edge"),
            ("fn f() { println!(\"x\") }", "printing outside cli"),
        ] {
            let found = check(&[("src/access.rs", text)]);
            assert!(found.len() == 1 && found[0].contains(rule), "{text}: {found:?}");
        }
    }

    #[test]
    fn rejects_policy_in_foundation_crate() {
        let package = |name: &str, dependencies: &str| {
            format!(
                r#"{{"name":"{name}","manifest_path":"Cargo.toml","targets":[],"dependencies":[{dependencies}]}}"#
            )
        };
        let metadata = |kind: &str| -> Metadata {
            let gate = format!(r#"{{"name":"sovereign-gate","kind":{kind}}}"#);
            let packages = [package("sentinel-proto", &gate), package("sovereign-gate", "")].join(",");
            serde_json::from_str(&format!(r#"{{"packages":[{packages}]}}"#)).unwrap()
        };
        assert!(check_crates(&metadata("\"dev\"")).is_empty());
        assert!(check_crates(&metadata("null"))[0].contains("holds policy"));
    }
}
