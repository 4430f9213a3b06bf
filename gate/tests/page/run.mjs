// Signs in on the page of a running gate, in Chromium, as a holder does. Exit code 0: all was as expected.
//
//   node run.mjs --url https://127.0.0.1:8585 --account sent1… --key 0x…
//     [--vault 0x…]              name a vault
//     [--expect-tier free]       what the page must show before anything is signed
//     [--expect-code 119]        the sign-in must be refused with this code
//     [--decline]                the wallet's user says no
//     [--end]                    end the sign-in on the page afterwards
//     [--no-storage]             the browser keeps nothing for the site
//     [--screenshots DIR]        keep pictures, desktop and phone
//
// Prints one JSON line with what the page showed. CHROMIUM_BIN names another browser binary.

import assert from "node:assert/strict";
import path from "node:path";
import { parseArgs } from "node:util";

import { chromium } from "playwright-core";

import { install } from "./wallet.mjs";

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
for (const needed of ["url", "account", "key"]) {
  if (!options[needed]) {
    console.error(`--${needed} is needed`);
    process.exit(64);
  }
}

const TIERS = { free: "Free tier", paid: "Paid tier", denied: "No qualifying card" };
const PATIENCE = 15_000;
const base = new URL(options.url);
const start = new URL("/gate/", base);

/** Everything that a page should never do. */
function watch(page) {
  const wrongs = [];
  page.on("console", (message) => {
    // A refusal's status is told by the browser as an error; the page shows it to the holder.
    const refusal = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !refusal) wrongs.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrongs.push(`script: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && (url.origin !== base.origin || !url.pathname.startsWith("/gate/"))) {
      wrongs.push(`request: ${request.url()}`);
    }
  });
  return wrongs;
}

async function picture(page, name) {
  if (!options.screenshots) return;
  for (const [size, width] of [["desktop", 1280], ["phone", 360]]) {
    await page.setViewportSize({ width, height: 800 });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${name} is ${overflow} px too wide on a ${size}`);
    await page.screenshot({ path: path.join(options.screenshots, `${name}-${size}.png`), fullPage: true });
  }
}

/** The page and its policy, before any script of ours runs in it. */
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
  await checkHeaders(await page.goto(start.href));
  await picture(page, "1-start");
  await page.getByRole("button", { name: "Test Wallet" }).click();
  if (options.vault) {
    await page.getByText("My card is in another wallet").click();
    await page.getByLabel("Vault").fill(options.vault);
    await page.getByLabel("Vault").blur();
  }
  const tier = page.locator("#tier");
  await tier.waitFor({ state: "visible", timeout: PATIENCE });
  const shown = { tier: await tier.textContent(), why: (await page.locator("#why").textContent()).trim() };
  assert.deepEqual(wallet.messages, [], "something was signed before the tier was shown");
  if (options["expect-tier"]) assert.equal(shown.tier, TIERS[options["expect-tier"]]);
  await picture(page, "2-tier");
  const button = page.getByRole("button", { name: "Sign in" });
  if (shown.tier === TIERS.denied) {
    assert.ok(await button.isDisabled(), "a denied wallet may not sign");
    return { ...shown, outcome: "denied" };
  }

  await page.getByLabel("The account").fill("sent1notanaccount");
  await button.click();
  assert.ok(await page.locator("#account-bad").isVisible(), "a mistyped account is told at once");
  await page.getByLabel("The account").fill(options.account);
  await button.click();
  const result = page.locator("#result");
  const error = page.locator("#error");
  await Promise.race([result.waitFor({ timeout: PATIENCE }), error.waitFor({ timeout: PATIENCE })]);
  if (await error.isVisible()) {
    await picture(page, "3-error");
    return { ...shown, outcome: "refused", error: await error.textContent() };
  }
  await picture(page, "3-result");
  return { ...shown, outcome: "signed in", ...(await readResult(page, wallet)) };
}

/** What the page shows must be what was signed and what the gate knows. */
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

  // A reload shows it again, if the browser keeps it; the token is the page's own.
  const kept = !options["no-storage"];
  if (kept) {
    await page.reload();
    await page.locator("#result").waitFor({ timeout: PATIENCE });
    assert.equal(await text("#r-account"), options.account);
  }
  if (options.end) {
    await page.getByRole("button", { name: "End this sign-in" }).click();
    await page.locator("#form").waitFor({ timeout: PATIENCE });
    if (kept) assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  }
  return shown;
}

function judge(outcome) {
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
  // The gate's certificate is its own.
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: "en-GB" });
  const wallet = await install(context, options);
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
  const wrongs = watch(page);
  const outcome = await signIn(page, wallet);
  judge(outcome);
  assert.deepEqual(wrongs, []);
  console.log(JSON.stringify({ ok: true, ...outcome }));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await browser.close();
}
