// SPDX-License-Identifier: Apache-2.0
// Line and branch coverage of our sources, which must not fall below 98 %. Arguments go to `forge coverage`.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const LEAST = 98;
const home = fileURLToPath(new URL("..", import.meta.url));
const report = new URL("../out/lcov.info", import.meta.url);

const run = spawnSync(
  process.execPath,
  ["script/foundry.mjs", "forge", "coverage", "--report", "lcov", "--report-file", fileURLToPath(report),
    "--no-match-coverage", "(node_modules|^test|^script|src/test)/", ...process.argv.slice(2)],
  { cwd: home, env: { ...process.env, FORGE_SNAPSHOT_EMIT: "false" }, stdio: ["ignore", "inherit", "inherit"] },
);
if (run.status !== 0) process.exit(run.status ?? 1);

const files = readFileSync(report, "utf8").split("end_of_record").map((text) => ({
  name: /^SF:(.*)$/m.exec(text)?.[1],
  lines: [Number(/^LH:(\d+)$/m.exec(text)?.[1] ?? 0), Number(/^LF:(\d+)$/m.exec(text)?.[1] ?? 0)],
  branches: [Number(/^BRH:(\d+)$/m.exec(text)?.[1] ?? 0), Number(/^BRF:(\d+)$/m.exec(text)?.[1] ?? 0)],
  missed: [...text.matchAll(/^DA:(\d+),0$/gm)].map((match) => match[1]),
  missedBranches: [...text.matchAll(/^BRDA:(\d+),\d+,\d+,(?:-|0)$/gm)].map((match) => match[1]),
})).filter((file) => file.name);

const percent = ([hit, found]) => (found === 0 ? 100 : (100 * hit) / found);
const show = (pair) => `${percent(pair).toFixed(1).padStart(5)} % (${pair[0]}/${pair[1]})`.padEnd(20);
const total = { lines: [0, 0], branches: [0, 0] };
for (const file of files) {
  for (const kind of ["lines", "branches"]) {
    total[kind][0] += file[kind][0];
    total[kind][1] += file[kind][1];
  }
  const missed = [...new Set([...file.missed, ...file.missedBranches])].join(" ");
  console.log(`${file.name.padEnd(46)} lines ${show(file.lines)} branches ${show(file.branches)} ${missed}`);
}
console.log(`${"all".padEnd(46)} lines ${show(total.lines)} branches ${show(total.branches)}`);
if (percent(total.lines) < LEAST || percent(total.branches) < LEAST) {
  console.error(`below ${LEAST} %`);
  process.exit(1);
}
