/* Talking to the server: JSON in, JSON out, every failure as a `Refusal` with its status. */

class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status; // 0: the server was not reached
  }
  /** Whether trying again later can help. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

async function call(method, path, body, keepalive = false) {
  let response;
  try {
    response = await fetch(path, {
      method,
      keepalive,
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSSim": "1" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refusal(0, "the server cannot be reached");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(response.status, answer.error || response.statusText);
  return answer;
}

/** 32 random hexadecimal digits; `crypto.randomUUID` is missing where there is no HTTPS. */
function freshId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
