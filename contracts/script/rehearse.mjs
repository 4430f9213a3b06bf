// SPDX-License-Identifier: Apache-2.0
// Rehearses the life of a deployment on a local chain: deploy, deploy again, hand power over from phase to phase with
// the very bundles that the multisigs would sign, and ask the chain after each step. REHEARSAL_PORT: 18545.
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const home = fileURLToPath(new URL("..", import.meta.url));
const port = process.env.REHEARSAL_PORT ?? "18545";
const url = `http://127.0.0.1:${port}`;
const environment = { ...process.env, SG_ADDRESSES: join("deployments", `rehearsal-${port}.json`) };
const config = JSON.parse(readFileSync(new URL("config/local.json", import.meta.url), "utf8"));
// The first account of every local chain, known to all.
const KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

async function rpc(method, ...params) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { result, error } = await answer.json();
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

function run(expected, phase, ...args) {
  const done = spawnSync(process.execPath, args, {
    cwd: home,
    env: { ...environment, SG_PHASE: String(phase) },
    encoding: "utf8",
  });
  if ((done.status === 0) !== expected) {
    throw new Error(`${args.join(" ")} ${expected ? "failed" : "went through"}:\n${done.stdout}${done.stderr}`);
  }
}

const forge = (expected, phase, ...args) =>
  run(expected, phase, "script/foundry.mjs", "forge", "script", ...args, "--rpc-url", url);

/** Only the phase that it is in order in, and no other. */
function check(phase) {
  for (const other of [1, 2, 3]) forge(other === phase, other, "script/Check.s.sol");
  console.log(`phase ${phase} is in order, the others are denied`);
}

/** The chain answers to a transaction before it has put it into a block. */
async function receiptOf(hash) {
  for (let tries = 0; tries < 300; ++tries) {
    const receipt = await rpc("eth_getTransactionReceipt", hash);
    if (receipt) return receipt;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no block took ${hash}`);
}

async function send(from, bundle) {
  const path = new URL(`../deployments/bundles/31337/${bundle}.json`, import.meta.url);
  await rpc("anvil_impersonateAccount", from);
  for (const { to, value, data } of JSON.parse(readFileSync(path, "utf8")).transactions) {
    const hash = await rpc("eth_sendTransaction", { from, to, data, value: `0x${BigInt(value).toString(16)}` });
    const { status } = await receiptOf(hash);
    if (status !== "0x1") throw new Error(`${bundle} was refused`);
  }
}

async function handOver(phase, proposer) {
  forge(true, phase, "script/Bundles.s.sol", "--sig", "handOver(uint8)", String(phase));
  await send(proposer, "handOver.schedule");
  await rpc("evm_increaseTime", 7 * 86400);
  await rpc("evm_mine");
  await send(config.executor, "handOver.execute");
}

const anvil = spawn(
  process.execPath,
  ["script/foundry.mjs", "anvil", "--port", port, "--silent"],
  { cwd: home, stdio: "inherit" },
);
try {
  for (let tries = 0; ; ++tries) {
    try {
      await rpc("eth_chainId");
      break;
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  run(true, 1, "script/deploy.mjs", "--rpc-url", url, "--private-key", KEY);
  const first = readFileSync(join(home, environment.SG_ADDRESSES), "utf8");
  const block = await rpc("eth_blockNumber");
  run(true, 1, "script/deploy.mjs", "--rpc-url", url, "--private-key", KEY);
  if (readFileSync(join(home, environment.SG_ADDRESSES), "utf8") !== first) throw new Error("addresses changed");
  if ((await rpc("eth_blockNumber")) !== block) throw new Error("the second run sent something");
  console.log("deployed; a second run sent nothing");
  check(1);
  await handOver(2, config.core);
  check(2);
  await handOver(3, config.executor);
  check(3);
} finally {
  anvil.kill("SIGTERM");
  rmSync(join(home, environment.SG_ADDRESSES), { force: true });
}
