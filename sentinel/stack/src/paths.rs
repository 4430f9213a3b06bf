//! Paths in the checkout and in the target directory of cargo.

use std::path::{Path, PathBuf};

/// The root of the checkout.
pub fn repository() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_path_buf()
}

/// Target directory of cargo that this program was built into.
pub fn target() -> PathBuf {
    let built_into = std::env::current_exe().ok().and_then(|exe| {
        exe.ancestors().find(|dir| dir.join("CACHEDIR.TAG").is_file()).map(Path::to_path_buf)
    });
    built_into
        .or_else(|| std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from))
        .unwrap_or_else(|| repository().join("target"))
}

/// Build directory of the programs of the Go module.
pub fn stock() -> PathBuf {
    target().join("stock")
}

/// One program of the Go module.
pub fn stock_program(name: &str) -> PathBuf {
    stock().join(name)
}

/// The gate's program: the release build if there is one newer than the debug build.
pub fn gate_program() -> Option<PathBuf> {
    let built = |profile: &str| {
        let path = target().join(profile).join("sovereign-gate");
        let time = path.metadata().and_then(|meta| meta.modified()).ok()?;
        Some((time, path))
    };
    built("debug").into_iter().chain(built("release")).max().map(|(_, path)| path)
}
