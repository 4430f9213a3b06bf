// SPDX-License-Identifier: Apache-2.0
// Deploys what is missing of the system of SG_CONFIG, then asks the chain whether all is in order:
//
//     SG_CONFIG=script/config/mainnet.json npm run deploy -- --rpc-url URL --ledger --sender ADDRESS
//
// Everything after `--` goes to forge (`--account NAME`, `--ledger`, `--slow`, …). With DRY_RUN=1 nothing is sent.
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("..", import.meta.url));
const args = process.argv.slice(2);
const at = args.indexOf("--rpc-url");
if (at < 0 || !args[at + 1]) {
  console.error("usage: npm run deploy -- --rpc-url URL [arguments of forge script]");
  process.exit(64);
}

function forge(...more) {
  const run = spawnSync(process.execPath, ["script/foundry.mjs", "forge", "script", ...more], {
    cwd: home,
    stdio: "inherit",
  });
  if (run.status !== 0) process.exit(run.status ?? 1);
}

mkdirSync(new URL("../deployments", import.meta.url), { recursive: true });
const dry = process.env.DRY_RUN === "1";
forge("script/Deploy.s.sol", ...args, ...(dry ? [] : ["--broadcast"]));
if (!dry) forge("script/Check.s.sol", "--rpc-url", args[at + 1]);
