// SPDX-License-Identifier: Apache-2.0
// Runs slither over our sources and compares its high and medium findings with slither.explained.json: one that is
// not explained there fails, and so does an explanation of nothing.
//
//     python3 -m venv ~/slither && ~/slither/bin/pip install slither-analyzer==0.11.6
//     PATH=~/slither/bin:$PATH npm run slither
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { delimiter, dirname, join } from "node:path";

const home = fileURLToPath(new URL("..", import.meta.url));
const report = join(home, "out", "slither.json");
// Slither starts forge by its name.
const forge = spawnSync(process.execPath, ["script/foundry.mjs", "--path", "forge"], { cwd: home, encoding: "utf8" });
const path = [dirname(forge.stdout.trim()), process.env.PATH].join(delimiter);

rmSync(report, { force: true });
const run = spawnSync("slither", [".", "--json", report, "--exclude-informational", "--exclude-optimization",
  "--exclude-low", "--fail-none"], { cwd: home, env: { ...process.env, PATH: path }, encoding: "utf8" });
if (!existsSync(report)) {
  console.error(run.error?.message ?? run.stderr);
  process.exit(69);
}
const { success, error, results } = JSON.parse(readFileSync(report, "utf8"));
if (!success) throw new Error(error);

/** Contract and function (or variable) of a finding. */
function place({ elements }) {
  const first = elements.find((element) => element.type === "function") ?? elements[0];
  const inside = first.type_specific_fields?.parent;
  const holder = inside?.type === "function" ? inside : first;
  const contract = holder.type_specific_fields?.parent?.name;
  return `${contract ? `${contract}.` : ""}${holder.name}`;
}

const explained = JSON.parse(readFileSync(new URL("../slither.explained.json", import.meta.url), "utf8"));
const open = new Set(explained.flatMap(({ check, places }) => places.map((where) => `${check} ${where}`)));
const known = new Set(open);
let failed = false;
for (const finding of results.detectors ?? []) {
  const key = `${finding.check} ${place(finding)}`;
  open.delete(key);
  if (known.has(key)) continue;
  failed = true;
  console.error(`not explained: [${finding.impact}] ${key}\n${finding.description}`);
}
for (const key of open) {
  failed = true;
  console.error(`explained, but not found: ${key}`);
}
if (failed) process.exit(1);
console.log(`${(results.detectors ?? []).length} findings of high or medium impact, all explained`);
