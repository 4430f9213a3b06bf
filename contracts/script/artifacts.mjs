// SPDX-License-Identifier: Apache-2.0
// Copies what the Rust side needs of forge's output to artifacts/, which is committed, so that cargo needs no npm.
// `node script/artifacts.mjs` writes; with `--check` it writes nothing and fails when something differs.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const NAMES = [
  "AccessPolicy",
  "Aggregator",
  "DelegateRegistry",
  "HostileWallet",
  "NFTDelegation",
  "NodeRegistry",
  "ParameterRegistry",
  "PaymentSplitter",
  "ReputationOracle",
  "SessionManager",
  "SignatureCheck",
  "SlashingManager",
  "SmartWallet",
  "TestGallery",
  "TestMemes",
  "TieredTimelock",
  "WalletFactory",
];

const home = fileURLToPath(new URL("..", import.meta.url));
const target = join(home, "artifacts");
const check = process.argv.includes("--check");

function artifact(name) {
  const built = JSON.parse(readFileSync(join(home, "out", `${name}.sol`, `${name}.json`), "utf8"));
  const { abi, bytecode, deployedBytecode } = built;
  for (const code of [bytecode.object, deployedBytecode.object]) {
    if (!/^0x[0-9a-f]*$/.test(code)) throw new Error(`${name} has unlinked libraries`);
  }
  const kept = { name, abi, bytecode: bytecode.object, deployedBytecode: deployedBytecode.object };
  return `${JSON.stringify(kept, null, 1)}\n`;
}

mkdirSync(target, { recursive: true });
const present = new Map(readdirSync(target).map((file) => [file, readFileSync(join(target, file), "utf8")]));
const stale = [];
for (const name of NAMES) {
  const file = `${name}.json`;
  const text = artifact(name);
  if (present.get(file) !== text) stale.push(file);
  if (!check) writeFileSync(join(target, file), text);
  present.delete(file);
}
stale.push(...[...present.keys()].map((file) => `${file} (of no contract)`));
if (check && stale.length > 0) {
  console.error(`artifacts/ differs from forge's output: ${stale.join(", ")}; run npm run artifacts`);
  process.exit(1);
}
