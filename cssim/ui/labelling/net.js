/* Talking to the server: JSON in, JSON out, every failure as a `Refusal` with its status. */

const PATIENCE = 30_000; // ms without an answer after which the server counts as not reached

class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status; // 0: the server was not reached
  }
  /** Whether trying again later can help. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
  /** Whether the person has to sign in first: nobody is signed in, or somebody else is. */
  get signedOut() {
    return this.status === 401 || this.status === 412;
  }
}

/** A function that calls the server for this person, and for nobody else who signs in meanwhile. */
function callerFor(person) {
  return async function call(method, path, body, keepalive = false) {
    const givenUp = new AbortController();
    const patience = setTimeout(() => givenUp.abort(), PATIENCE);
    try {
      const response = await fetch(path, {
        method,
        keepalive,
        signal: givenUp.signal,
        credentials: "same-origin",
        headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSSim": "1", "X-CSSim-Person": String(person) },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const answer = await response.json().catch(() => null);
      if (!response.ok) throw new Refusal(response.status, answer?.error || response.statusText);
      // A page to sign in to some network, say: whoever sent it has stored nothing.
      if (answer === null) throw new Refusal(0, "something else than CS-Sim answered");
      return answer;
    } catch (failure) {
      throw failure instanceof Refusal ? failure : new Refusal(0, "the server cannot be reached");
    } finally {
      clearTimeout(patience);
    }
  };
}

/** 32 random hexadecimal digits; `crypto.randomUUID` is missing where there is no HTTPS. */
function freshId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
