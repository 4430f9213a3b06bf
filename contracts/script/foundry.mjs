// SPDX-License-Identifier: Apache-2.0
// `node script/foundry.mjs forge build`: runs the real binary inside the platform package, not npm's shim, so
// that a signal reaches it and no install script is needed. `--path forge` prints where it is.
// Only Linux on amd64 comes with npm ci; elsewhere Foundry 1.7 must be on the PATH.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("..", import.meta.url));
const require = createRequire(import.meta.url);

function binary(tool) {
  try {
    return join(dirname(require.resolve(`@foundry-rs/${tool}-linux-amd64/package.json`)), "bin", tool);
  } catch {
    return tool;
  }
}

const args = process.argv.slice(2);
if (args[0] === "--path") {
  console.log(binary(args[1]));
} else {
  const child = spawn(binary(args[0]), args.slice(1), { cwd: home, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`${args[0]}: ${error.message}; run npm ci in contracts/, or put Foundry 1.7 on the PATH`);
    process.exit(69);
  });
  child.on("exit", (code, signal) => process.exit(signal ? 1 : code));
}
