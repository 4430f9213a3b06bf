// The sign-in page: connect a wallet, check its tier, sign once, show the binding.

import * as gate from "./api.js";
import * as wallets from "./wallets.js";

const $ = (id) => document.getElementById(id);
const TOKEN_KEY = "sovereign-gate.token";
const VIA = {
  "own": "by your own cards",
  "6529-consolidation": "by cards of the wallet you consolidated with",
  "6529-delegation": "by cards of a vault that delegated to you at 6529",
  "delegate.xyz": "by cards of a vault that delegated to you at delegate.xyz",
};

let wallet = null; // { provider, address }
let tier = null;
let busy = false;
let latestCheck = 0;

// Bearer token: in the session storage of this tab; in memory if the browser denies storage.
let token = null;

function readToken() {
  try {
    return sessionStorage.getItem(TOKEN_KEY) ?? token;
  } catch {
    return token;
  }
}

function storeToken(value) {
  token = value;
  try {
    if (value === null) sessionStorage.removeItem(TOKEN_KEY);
    else sessionStorage.setItem(TOKEN_KEY, value);
  } catch {
    // Storage is denied: the token stays in memory.
  }
}

const short = (address) => `${address.slice(0, 6)}…${address.slice(-4)}`;
const show = (element, visible) => { element.hidden = !visible; };

function showError(element, error) {
  element.textContent = error.code && error instanceof gate.Refusal ? `${error.message} (${error.code})` : error.message;
  show(element, true);
}

// --- step 1: wallet ---

function addWalletButton(found) {
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
    useWallet(provider, await wallets.connect(provider));
    provider.on?.("accountsChanged", (accounts) => {
      if (wallet?.provider === provider) useWallet(provider, accounts?.[0]);
    });
  } catch (error) {
    showError($("error"), new Error(wallets.describeError(error)));
  }
}

function useWallet(provider, address) {
  wallet = address ? { provider, address } : null;
  show($("wallets"), !wallet);
  show($("connected"), wallet);
  $("address").textContent = wallet ? short(address) : "";
  $("address").title = wallet ? address : "";
  checkEligibility();
}

// Shows the tier of the wallet before it signs.
async function checkEligibility() {
  const check = ++latestCheck;
  tier = null;
  show($("eligibility"), false);
  updateSignButton();
  const vault = readVault();
  if (!wallet || vault === null) {
    // The counter above discards a response that is still pending.
    showProgress("");
    return;
  }
  showProgress("Looking at your cards…");
  try {
    const result = await gate.eligibility(wallet.address, vault);
    if (check !== latestCheck) return;
    tier = result.tier;
    showEligibility(result);
  } catch (error) {
    if (check !== latestCheck) return;
    showError($("error"), error);
  }
  showProgress("");
  updateSignButton();
}

function showEligibility({ tier, via, vault, cards, more, delegations_unread: unread }) {
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

const readAccount = () => {
  const text = $("account").value.trim();
  return /^sent1[02-9ac-hj-np-z]{38}$/.test(text) ? text : null;
};

// Returns undefined for an empty field and null for an invalid one.
const readVault = () => {
  const text = $("vault").value.trim();
  if (text === "") return undefined;
  return /^0x[0-9a-fA-F]{40}$/.test(text) ? text : null;
};

function markInvalid(input, bad) {
  $(input).setAttribute("aria-invalid", bad);
  show($(`${input}-bad`), bad);
}

function updateSignButton() {
  $("sign").disabled = busy || !wallet || tier === null || tier === "denied";
}

function showProgress(text) {
  $("progress").textContent = text;
}

// --- step 2: sign ---

async function signIn(event) {
  event.preventDefault();
  if (busy || $("sign").disabled) return;
  const [account, vault] = [readAccount(), readVault()];
  markInvalid("account", !account);
  markInvalid("vault", vault === null);
  if (!account) return $("account").focus();
  if (vault === null) return $("vault").focus();
  show($("error"), false);
  busy = true;
  updateSignButton();
  try {
    const { provider, address } = wallet;
    showProgress("Preparing the message…");
    const { message } = await gate.challenge(address, account, vault);
    showProgress("Sign the message in your wallet…");
    const signature = await wallets.sign(provider, address, message).catch((error) => {
      throw new Error(wallets.describeError(error));
    });
    showProgress("Checking…");
    const bound = await gate.bind(message, signature);
    storeToken(bound.token);
    showBinding(bound);
  } catch (error) {
    showError($("error"), error);
    $("error").focus();
  } finally {
    busy = false;
    showProgress("");
    updateSignButton();
  }
}

function showBinding(bound) {
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

function showForm() {
  show($("result"), false);
  show($("form"), true);
  $("account").value = "";
  $("account").focus();
}

async function endSignIn() {
  $("end").disabled = true;
  try {
    await gate.unbind(readToken());
    storeToken(null);
    showForm();
  } catch (error) {
    showError($("result-error"), error);
  }
  $("end").disabled = false;
}

// --- start ---

async function start() {
  $("host").textContent = location.host;
  $("form").addEventListener("submit", signIn);
  $("disconnect").addEventListener("click", () => useWallet(null, null));
  $("again").addEventListener("click", showForm);
  $("end").addEventListener("click", endSignIn);
  $("account").addEventListener("input", () => markInvalid("account", false));
  $("account").addEventListener("change", () => markInvalid("account", $("account").value !== "" && !readAccount()));
  $("vault").addEventListener("change", () => {
    markInvalid("vault", readVault() === null);
    checkEligibility();
  });
  $("account").value = new URLSearchParams(location.search).get("account")?.slice(0, 90) ?? "";
  wallets.discover(addWalletButton);
  const savedToken = readToken();
  const bound = savedToken && await gate.binding(savedToken).catch((error) => {
    if (error.code === 124) storeToken(null);
  });
  if (bound) showBinding(bound);
  else show($("form"), true);
}

start();
