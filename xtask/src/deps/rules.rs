//! Forbidden edges: what a module may not name, and where it is allowed with a reason.

use super::modules::Reference;

/// Crates that know no policy. They depend on no other crate of the workspace but each other.
pub(crate) const FOUNDATION: [&str; 5] =
    ["sentinel-proto", "sovereign-contracts", "service-runtime", "service-backoff", "sovereign-tunnel"];

/// What a rule restricts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Sql,
    Headers,
    Printing,
}

/// A place where a subject is allowed: package, prefix of the file in it, reason.
type Allowance = (&'static str, &'static str, &'static str);

const SQL: [Allowance; 3] = [
    ("sovereign-gate", "src/store", "repository of the gate"),
    ("bridge-oracle", "src/submit/journal", "journal of transactions"),
    ("service-runtime", "src/schema.rs", "schema versions of every store"),
];
const HEADERS: [Allowance; 2] = [
    ("sovereign-gate", "src/edge", "reads and writes the headers of forwarded requests"),
    (
        "sovereign-gate",
        "src/ops/admin_guard.rs",
        "serves the private HTTP address and checks its host header",
    ),
];
const PRINTING: [Allowance; 7] = [
    ("sovereign-gate", "src/cli", "commands for operators"),
    ("sovereign-gate", "src/main.rs", "last error of the program"),
    ("bridge-oracle", "src/cli", "commands for operators"),
    ("bridge-oracle", "src/main.rs", "last error of the program"),
    ("xtask", "src", "output of development tasks"),
    ("sentinel-stack", "src", "output of development tasks"),
    ("sovereign-fuzz", "src", "output of development tasks"),
];

/// Says what is wrong with a reference of `package`, if a rule forbids it.
pub(crate) fn violation(package: &str, reference: &Reference) -> Option<String> {
    let subject = subject(package, &reference.segments)?;
    let (allowed, text): (&[Allowance], _) = match subject {
        Subject::Sql => (&SQL, "SQL outside the store"),
        Subject::Headers => (&HEADERS, "HTTP headers outside edge"),
        Subject::Printing => (&PRINTING, "printing outside cli"),
    };
    let file = reference.file.as_str();
    if allowed.iter().any(|(name, prefix, _)| *name == package && file.starts_with(prefix)) {
        return None;
    }
    Some(format!("{package}: {text}: {} in {file}", reference.segments.join("::")))
}

fn subject(package: &str, segments: &[String]) -> Option<Subject> {
    let names = |wanted: &[&str]| segments.iter().any(|segment| wanted.contains(&segment.as_str()));
    let is_header_module = segments.len() > 1 && names(&["http", "axum", "hyper"]) && names(&["header"]);
    if segments.first().is_some_and(|first| first == "rusqlite") {
        Some(Subject::Sql)
    } else if package == "sovereign-gate" && (is_header_module || names(&["HeaderMap", "HeaderName"])) {
        Some(Subject::Headers)
    } else if names(&["println!", "print!", "eprintln!", "eprint!"]) {
        Some(Subject::Printing)
    } else {
        None
    }
}
