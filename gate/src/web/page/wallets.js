// Wallets of this browser: those that announce themselves by EIP-6963, else the one at window.ethereum.

const DISCOVERY_TIMEOUT_MS = 600;

export function discover(onWallet) {
  const known = new Set();
  const add = (id, name, icon, provider) => {
    if (known.has(id) || typeof provider?.request !== "function") return;
    known.add(id);
    // Any other URL could load from another origin.
    onWallet({ name: String(name).slice(0, 60), icon: /^data:image\//.test(icon) ? icon : null, provider });
  };
  window.addEventListener("eip6963:announceProvider", ({ detail }) => {
    add(detail?.info?.uuid ?? "", detail?.info?.name ?? "Wallet", detail?.info?.icon ?? "", detail?.provider);
  });
  window.dispatchEvent(new Event("eip6963:requestProvider"));
  setTimeout(() => {
    if (known.size === 0) add("injected", "Browser wallet", "", window.ethereum);
    if (known.size === 0) onWallet(null);
  }, DISCOVERY_TIMEOUT_MS);
}

export async function connect(provider) {
  const accounts = await provider.request({ method: "eth_requestAccounts" });
  const address = accounts?.[0];
  if (!/^0x[0-9a-fA-F]{40}$/.test(address ?? "")) throw new Error("The wallet gave no address.");
  return address;
}

export function sign(provider, address, message) {
  const bytes = new TextEncoder().encode(message);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return provider.request({ method: "personal_sign", params: [`0x${hex}`, address] });
}

// Describes an error of a wallet. EIP-1193 code 4001: the user rejected the request.
export function describeError(error) {
  if (error?.code === 4001) return "You declined in your wallet.";
  return error?.message ? String(error.message).slice(0, 300) : "The wallet failed.";
}
