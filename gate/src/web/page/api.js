// API of the gate. Every response is an envelope; a refusal becomes an Error with the message of the gate.

export class Refusal extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

async function call(method, path, { body, token } = {}) {
  const headers = {};
  if (body) headers["content-type"] = "application/json";
  if (token) headers.authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(path, {
      method, headers, body: body && JSON.stringify(body), cache: "no-store", credentials: "omit", redirect: "error",
    });
  } catch {
    throw new Refusal("The gate does not answer. Check your connection and try again.");
  }
  if (response.status === 204) return null;
  let envelope;
  try {
    envelope = await response.json();
  } catch {
    throw new Refusal(`The gate's answer could not be read (HTTP ${response.status}).`);
  }
  if (envelope?.success !== true) {
    throw new Refusal(String(envelope?.error?.message ?? `HTTP ${response.status}`), envelope?.error?.code);
  }
  return envelope.result;
}

const query = (fields) => new URLSearchParams(Object.entries(fields).filter(([, value]) => value)).toString();

export const eligibility = (wallet, vault) => call("GET", `/gate/eligibility?${query({ wallet, vault })}`);
export const challenge = (wallet, account, vault) => call("GET", `/gate/challenge?${query({ wallet, account, vault })}`);
export const bind = (message, signature) => call("POST", "/gate/bindings", { body: { message, signature } });
export const binding = (token) => call("GET", "/gate/binding", { token });
export const unbind = (token) => call("DELETE", "/gate/binding", { token });
