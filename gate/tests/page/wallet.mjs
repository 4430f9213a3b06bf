// A test wallet: announces itself by EIP-6963 like a browser extension and signs in Node.js with a given key.

import { privateKeyToAccount } from "viem/accounts";

const ICON = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><rect width='8' height='8' rx='2' fill='%23e8751a'/></svg>";

/** Injects the wallet into every page of the context. Returns a log of its requests. */
export async function installWallet(context, { key, decline = false, name = "Test Wallet" }) {
  const account = privateKeyToAccount(key);
  const log = { address: account.address, methods: [], messages: [] };

  await context.exposeFunction("__testWallet", async (method, params) => {
    log.methods.push(method);
    if (method === "eth_requestAccounts" || method === "eth_accounts") return { result: [account.address.toLowerCase()] };
    if (method !== "personal_sign") return { error: { code: 4200, message: `unsupported: ${method}` } };
    if (decline) return { error: { code: 4001, message: "User rejected the request." } };
    const [raw, address] = params;
    if (address.toLowerCase() !== account.address.toLowerCase()) return { error: { code: 4100, message: "not this account" } };
    log.messages.push(Buffer.from(raw.slice(2), "hex").toString("utf8"));
    return { result: await account.signMessage({ message: { raw } }) };
  });

  await context.addInitScript(({ name, icon }) => {
    const provider = {
      on() {},
      async request({ method, params }) {
        const { result, error } = await window.__testWallet(method, params ?? []);
        if (error) throw Object.assign(new Error(error.message), { code: error.code });
        return result;
      },
    };
    const info = Object.freeze({ uuid: "7c1e9d4e-6f2b-4e0a-9c2e-0d8f4c1b2a30", name, icon, rdns: "example.test" });
    const announce = () => window.dispatchEvent(
      new CustomEvent("eip6963:announceProvider", { detail: Object.freeze({ info, provider }) }),
    );
    window.addEventListener("eip6963:requestProvider", announce);
    announce();
  }, { name, icon: ICON });

  return log;
}
