// Signs in on the page of a running gate in Chromium. Exit code 0: every expectation holds.
//
//   node run.mjs --url https://127.0.0.1:8585 --account sent1… --key 0x…
//     [--vault 0x…]              name a vault
//     [--expect-tier free]       tier that the page must show before the signature
//     [--expect-code 119]        refusal code of the sign-in
//     [--decline]                the wallet rejects the request
//     [--end]                    end the sign-in on the page afterwards
//     [--no-storage]             the browser denies session storage
//     [--screenshots DIR]        store screenshots, desktop and phone
//
// Prints the shown values as one JSON line. CHROMIUM_BIN: path of the browser.

import assert from "node:assert/strict";
import path from "node:path";
import { parseArgs } from "node:util";

import { chromium } from "playwright-core";

import { installWallet } from "./wallet.mjs";

const { values: options } = parseArgs({
  options: {
    url: { type: "string" },
    account: { type: "string" },
    key: { type: "string" },
    vault: { type: "string" },
    "expect-tier": { type: "string" },
    "expect-code": { type: "string" },
    decline: { type: "boolean", default: false },
    end: { type: "boolean", default: false },
    "no-storage": { type: "boolean", default: false },
    screenshots: { type: "string" },
  },
});
for (const required of ["url", "account", "key"]) {
  if (!options[required]) {
    console.error(`missing option --${required}`);
    process.exit(64);
  }
}

const TIERS = { free: "Free tier", paid: "Paid tier", denied: "No qualifying card" };
const TIMEOUT_MS = 15_000;
const base = new URL(options.url);
const signInPage = new URL("/gate/", base);

/** Records violations: console errors, script errors, requests to other origins. */
function recordViolations(page) {
  const violations = [];
  page.on("console", (message) => {
    // Chromium logs a refusal's status as an error; the page handles it.
    const refusal = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !refusal) violations.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => violations.push(`script: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && (url.origin !== base.origin || !url.pathname.startsWith("/gate/"))) {
      violations.push(`request: ${request.url()}`);
    }
  });
  return violations;
}

async function screenshot(page, name) {
  if (!options.screenshots) return;
  for (const [size, width] of [["desktop", 1280], ["phone", 360]]) {
    await page.setViewportSize({ width, height: 800 });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${name} is ${overflow} px too wide on a ${size}`);
    await page.screenshot({ path: path.join(options.screenshots, `${name}-${size}.png`), fullPage: true });
  }
}

/** Checks the headers of the page before its scripts run. */
async function checkHeaders(response) {
  assert.equal(response.status(), 200);
  const headers = response.headers();
  const policy = headers["content-security-policy"] ?? "";
  for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"]) {
    assert.ok(policy.includes(part), `the policy lacks ${part}: ${policy}`);
  }
  assert.ok(!policy.includes("unsafe-"), policy);
  assert.equal(headers["x-content-type-options"], "nosniff");
}

async function signIn(page, wallet) {
  await checkHeaders(await page.goto(signInPage.href));
  await screenshot(page, "1-start");
  await page.getByRole("button", { name: "Test Wallet" }).click();
  if (options.vault) {
    await page.getByText("My card is in another wallet").click();
    await page.getByLabel("Vault").fill(options.vault);
    await page.getByLabel("Vault").blur();
  }
  const tier = page.locator("#tier");
  await tier.waitFor({ state: "visible", timeout: TIMEOUT_MS });
  const shown = { tier: await tier.textContent(), why: (await page.locator("#why").textContent()).trim() };
  assert.deepEqual(wallet.messages, [], "the page requests a signature before it shows the tier");
  if (options["expect-tier"]) assert.equal(shown.tier, TIERS[options["expect-tier"]]);
  await screenshot(page, "2-tier");
  const button = page.getByRole("button", { name: "Sign in" });
  if (shown.tier === TIERS.denied) {
    assert.ok(await button.isDisabled(), "the sign button is enabled for a denied wallet");
    return { ...shown, outcome: "denied" };
  }

  await page.getByLabel("The account").fill("sent1notanaccount");
  await button.click();
  assert.ok(await page.locator("#account-bad").isVisible(), "the page does not mark an invalid account");
  await page.getByLabel("The account").fill(options.account);
  await button.click();
  const result = page.locator("#result");
  const error = page.locator("#error");
  await Promise.race([result.waitFor({ timeout: TIMEOUT_MS }), error.waitFor({ timeout: TIMEOUT_MS })]);
  if (await error.isVisible()) {
    await screenshot(page, "3-error");
    return { ...shown, outcome: "refused", error: await error.textContent() };
  }
  await screenshot(page, "3-result");
  return { ...shown, outcome: "signed in", ...(await readResult(page, wallet)) };
}

/** Reads the result and compares it with the signed message. */
async function readResult(page, wallet) {
  const text = (id) => page.locator(id).textContent();
  const until = await page.locator("#r-until").getAttribute("datetime");
  const shown = { account: await text("#r-account"), wallet: await text("#r-wallet"), until, devices: await text("#r-devices") };
  assert.equal(shown.account, options.account);
  assert.equal(shown.wallet, wallet.address);
  assert.match(shown.devices, /^\d+ of \d+ in use$/);
  assert.equal(wallet.messages.length, 1, "one signature");
  const [message] = wallet.messages;
  assert.ok(message.startsWith(`${base.host} wants you to sign in`), message);
  assert.ok(message.includes(`Expiration Time: ${until}`), message);
  assert.ok(message.includes(`- sentinel:account:${options.account}`), message);
  const hours = (Date.parse(until) - Date.now()) / 3_600_000;
  assert.ok(hours > 0 && hours <= 7 * 24, `${hours} h`);

  // A reload shows the binding again if the browser has session storage.
  const hasStorage = !options["no-storage"];
  if (hasStorage) {
    await page.reload();
    await page.locator("#result").waitFor({ timeout: TIMEOUT_MS });
    assert.equal(await text("#r-account"), options.account);
  }
  if (options.end) {
    await page.getByRole("button", { name: "End this sign-in" }).click();
    await page.locator("#form").waitFor({ timeout: TIMEOUT_MS });
    if (hasStorage) assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  }
  return shown;
}

function checkOutcome(outcome) {
  const code = options["expect-code"];
  if (options.decline) {
    assert.equal(outcome.outcome, "refused");
    assert.match(outcome.error, /declined/);
  } else if (code) {
    assert.equal(outcome.outcome, "refused");
    assert.ok(outcome.error.endsWith(`(${code})`), outcome.error);
  } else if (options["expect-tier"] === "denied") {
    assert.equal(outcome.outcome, "denied");
  } else {
    assert.equal(outcome.outcome, "signed in", outcome.error);
  }
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_BIN ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
try {
  // The certificate of the gate is self-signed.
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: "en-GB" });
  const wallet = await installWallet(context, options);
  if (options["no-storage"]) {
    await context.addInitScript(() => {
      Object.defineProperty(window, "sessionStorage", {
        get() {
          throw new DOMException("denied", "SecurityError");
        },
      });
    });
  }
  const page = await context.newPage();
  const violations = recordViolations(page);
  const outcome = await signIn(page, wallet);
  checkOutcome(outcome);
  assert.deepEqual(violations, []);
  console.log(JSON.stringify({ ok: true, ...outcome }));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await browser.close();
}
