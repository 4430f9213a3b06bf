// The sign-in page: connect, see what the cards give, sign once, see until when it holds.

import * as gate from "./api.js";
import * as wallets from "./wallets.js";

const $ = (id) => document.getElementById(id);
const TOKEN = "sovereign-gate.token";
const VIA = {
  "own": "by your own cards",
  "6529-consolidation": "by cards of the wallet you consolidated with",
  "6529-delegation": "by cards of a vault that delegated to you at 6529",
  "delegate.xyz": "by cards of a vault that delegated to you at delegate.xyz",
};

let wallet = null; // { provider, address }
let tier = null;
let busy = false;
let asked = 0;

// For this tab only, and where the browser denies even that, for this visit.
let token = null;

function kept() {
  try {
    return sessionStorage.getItem(TOKEN) ?? token;
  } catch {
    return token;
  }
}

function keep(value) {
  token = value;
  try {
    if (value === null) sessionStorage.removeItem(TOKEN);
    else sessionStorage.setItem(TOKEN, value);
  } catch {
    // Kept above.
  }
}

const short = (address) => `${address.slice(0, 6)}…${address.slice(-4)}`;
const show = (element, visible) => { element.hidden = !visible; };

function fail(element, error) {
  element.textContent = error.code && error instanceof gate.Refusal ? `${error.message} (${error.code})` : error.message;
  show(element, true);
}

// --- step 1: wallet ---

function offer(found) {
  if (!found) return show($("no-wallet"), true);
  show($("no-wallet"), false);
  const button = document.createElement("button");
  button.type = "button";
  if (found.icon) {
    const icon = document.createElement("img");
    Object.assign(icon, { src: found.icon, alt: "", width: 28, height: 28 });
    button.append(icon);
  }
  button.append(found.name);
  button.addEventListener("click", () => connect(found.provider));
  $("wallets").append(button);
}

async function connect(provider) {
  show($("error"), false);
  try {
    use(provider, await wallets.connect(provider));
    provider.on?.("accountsChanged", (accounts) => {
      if (wallet?.provider === provider) use(provider, accounts?.[0]);
    });
  } catch (error) {
    fail($("error"), new Error(wallets.words(error)));
  }
}

function use(provider, address) {
  wallet = address ? { provider, address } : null;
  show($("wallets"), !wallet);
  show($("connected"), wallet);
  $("address").textContent = wallet ? short(address) : "";
  $("address").title = wallet ? address : "";
  look();
}

// What the cards give, before anything is signed.
async function look() {
  const mine = ++asked;
  tier = null;
  show($("eligibility"), false);
  refresh();
  const vault = vaultOf();
  if (!wallet || vault === null) {
    // An answer that was on its way is nobody's any more.
    progress("");
    return;
  }
  progress("Looking at your cards…");
  try {
    const result = await gate.eligibility(wallet.address, vault);
    if (mine !== asked) return;
    tier = result.tier;
    tell(result);
  } catch (error) {
    if (mine !== asked) return;
    fail($("error"), error);
  }
  progress("");
  refresh();
}

function tell({ tier, via, vault, cards, more, delegations_unread: unread }) {
  const denied = tier === "denied";
  $("eligibility").classList.toggle("bad", denied);
  $("tier").textContent = denied ? "No qualifying card" : tierName(tier);
  if (denied) {
    $("why").textContent = unread
      ? "Your list of delegations is too long to be read: name your vault below."
      : "This wallet holds none of The Memes by 6529, and no vault that does has delegated to it.";
    $("vault-part").open = true;
  } else {
    const list = cards.map((card) => `#${card}`).join(", ");
    const owner = vault ? ` (${short(vault)})` : "";
    $("why").textContent = `${VIA[via] ?? ""}${owner}: ${list}${more ? " and more" : ""}`.replace(/^b/, "B");
  }
  show($("eligibility"), true);
  show($("error"), false);
}

const tierName = (tier) => ({ free: "Free tier", paid: "Paid tier" })[tier] ?? tier;

// --- fields ---

const accountOf = () => {
  const text = $("account").value.trim();
  return /^sent1[02-9ac-hj-np-z]{38}$/.test(text) ? text : null;
};

// Empty is fine and gives undefined; null is a mistake.
const vaultOf = () => {
  const text = $("vault").value.trim();
  if (text === "") return undefined;
  return /^0x[0-9a-fA-F]{40}$/.test(text) ? text : null;
};

function mark(input, bad) {
  $(input).setAttribute("aria-invalid", bad);
  show($(`${input}-bad`), bad);
}

function refresh() {
  $("sign").disabled = busy || !wallet || tier === null || tier === "denied";
}

function progress(text) {
  $("progress").textContent = text;
}

// --- step 2: sign ---

async function signIn(event) {
  event.preventDefault();
  if (busy || $("sign").disabled) return;
  const [account, vault] = [accountOf(), vaultOf()];
  mark("account", !account);
  mark("vault", vault === null);
  if (!account) return $("account").focus();
  if (vault === null) return $("vault").focus();
  show($("error"), false);
  busy = true;
  refresh();
  try {
    const { provider, address } = wallet;
    progress("Preparing the message…");
    const { message } = await gate.challenge(address, account, vault);
    progress("Sign the message in your wallet…");
    const signature = await wallets.sign(provider, address, message).catch((error) => {
      throw new Error(wallets.words(error));
    });
    progress("Checking…");
    const bound = await gate.bind(message, signature);
    keep(bound.token);
    done(bound);
  } catch (error) {
    fail($("error"), error);
    $("error").focus();
  } finally {
    busy = false;
    progress("");
    refresh();
  }
}

function done(bound) {
  const until = new Date(bound.expires_at);
  $("r-tier").textContent = bound.tier === "denied" ? "None: the card is gone" : tierName(bound.tier);
  $("r-until").dateTime = bound.expires_at;
  $("r-until").textContent = until.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  const plans = Object.entries(bound.devices.plans ?? {}).map(([plan, limit]) => `, ${limit} with plan ${plan}`);
  $("r-devices").textContent = `${bound.devices.used} of ${bound.devices.limit} in use${plans.join("")}`;
  $("r-account").textContent = bound.account;
  $("r-wallet").textContent = bound.wallet;
  show($("form"), false);
  show($("result-error"), false);
  show($("result"), true);
  $("result").focus();
}

function restart() {
  show($("result"), false);
  show($("form"), true);
  $("account").value = "";
  $("account").focus();
}

async function end() {
  $("end").disabled = true;
  try {
    await gate.unbind(kept());
    keep(null);
    restart();
  } catch (error) {
    fail($("result-error"), error);
  }
  $("end").disabled = false;
}

// --- start ---

async function start() {
  $("host").textContent = location.host;
  $("form").addEventListener("submit", signIn);
  $("disconnect").addEventListener("click", () => use(null, null));
  $("again").addEventListener("click", restart);
  $("end").addEventListener("click", end);
  $("account").addEventListener("input", () => mark("account", false));
  $("account").addEventListener("change", () => mark("account", $("account").value !== "" && !accountOf()));
  $("vault").addEventListener("change", () => {
    mark("vault", vaultOf() === null);
    look();
  });
  $("account").value = new URLSearchParams(location.search).get("account")?.slice(0, 90) ?? "";
  wallets.discover(offer);
  const before = kept();
  const bound = before && await gate.binding(before).catch((error) => {
    if (error.code === 124) keep(null);
  });
  if (bound) done(bound);
  else show($("form"), true);
}

start();
