//! The programs of the Go module.

use std::path::Path;

use anyhow::Result;

use super::run;

/// Builds them; the Go tool itself knows what is up to date.
pub(super) fn ensure(directory: &Path) -> Result<()> {
    let module = crate::paths::repository().join("sentinel");
    let first = !directory.join("sentinelhub").is_file();
    if first {
        tracing::info!(
            "building the hub, the reference node and the stock client (first time: about 6 minutes)"
        );
    }
    let log = directory.join("go-build.log");
    let output = directory.display();
    let hub = "github.com/sentinel-official/sentinelhub/v12/cmd/sentinelhub";
    let script =
        format!("go build -trimpath -o '{output}/' {hub} && go build -trimpath -o '{output}/' ./cmd/...");
    run(&script, &module, Some(&log))?;
    // Services of newer nodes, whose dependencies do not go with the hub's. Xray reaches into Go's own packages.
    let amneziawg = "github.com/amnezia-vpn/amneziawg-go";
    let script =
        format!("go build -trimpath -ldflags=-checklinkname=0 -o '{output}/' {amneziawg} ./cmd/xray");
    run(&script, &module.join("v9"), Some(&directory.join("go-build-v9.log")))
}
