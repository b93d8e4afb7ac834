/* Answers on their way: kept in the browser until the server says that they are durable.
 *
 * Each answer has a key of its own in local storage, so that two tabs never overwrite each other's.
 * They go out one after the other, oldest first; what a closed tab left behind goes out too. */

/** Texts under keys that begin alike: in local storage, or in memory where that is full or forbidden.
 * Memory outlives the element, not the tab. */
class Shelf {
  constructor(prefix) {
    this.prefix = prefix;
    this.memory = globalThis.cssimUnsent ??= new Map();
  }

  put(name, value) {
    try {
      localStorage.setItem(this.prefix + name, JSON.stringify(value));
    } catch {
      this.memory.set(this.prefix + name, value);
    }
  }

  drop(key) {
    this.memory.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      return; // storage is forbidden: it was in memory only
    }
  }

  /** [key, value] in the order of the keys. */
  entries() {
    const found = [...this.memory].filter(([key]) => key.startsWith(this.prefix));
    try {
      for (const key of Object.keys(localStorage)) {
        const value = key.startsWith(this.prefix) && readJson(localStorage.getItem(key));
        if (value) found.push([key, value]);
      }
    } catch {
      // storage is forbidden: memory holds them all
    }
    return found.sort(byKey);
  }
}

class Outbox {
  /** `onSent(reply, receipt)` hears of each answer that is durable now. */
  constructor(call, person, onChange, onSent = () => {}) {
    this.call = call;
    this.onSent = onSent;
    this.shelf = new Shelf(`cssim.outbox.${person}.`);
    this.aside = new Shelf(`cssim.refused.${person}.`);
    this.onChange = onChange;
    this.failures = 0;
    this.problem = null; // the last Refusal, until something was sent
    this.timer = null;
    this.sending = null; // a promise while answers go out
    this.closed = false;
    this.online = () => this.flush();
    addEventListener("online", this.online);
    this.leaving = (event) => this.shelf.memory.size && event.preventDefault(); // closing would lose them
    addEventListener("beforeunload", this.leaving);
    this.sweep = setInterval(() => this.flush(), 15000);
  }

  add(reply) {
    // Behind all that waits, whatever the clock of this device says meanwhile.
    const last = this.shelf.entries().at(-1)?.[0].slice(this.shelf.prefix.length);
    const place = Math.max(Date.now(), 1 + (parseInt(last, 10) || 0));
    this.shelf.put(`${String(place).padStart(15, "0")}.${reply.client_id}`, reply);
    this.onChange();
    this.flush();
  }

  get waiting() {
    return this.shelf.entries().length;
  }

  get leases() {
    return this.shelf.entries().map(([, reply]) => reply.lease);
  }

  /** Answers that the server refused, with its reason; kept until the person decides. */
  get refused() {
    return this.aside.entries().map(([, reply]) => reply);
  }

  /** Try a refused answer once more. */
  retry({ status, error, ...reply }) {
    this.add(reply);
    this.discard(reply);
  }

  discard(reply) {
    this.aside.drop(this.aside.prefix + reply.client_id);
    this.onChange();
  }

  /** Send what waits; settles when all is sent, or nothing more can be for now. */
  flush(keepalive = false) {
    this.sending ??= this.sendAll(keepalive).finally(() => {
      this.sending = null;
      this.onChange();
    });
    return this.sending;
  }

  async sendAll(keepalive) {
    clearTimeout(this.timer);
    const failed = new Set(); // leases: what was said later about the same page waits as well
    let problem = null;
    const next = () => this.shelf.entries().find(([, reply]) => !failed.has(reply.lease));
    for (let entry = next(); entry; entry = next()) {
      try {
        await this.send(...entry, keepalive);
      } catch (refusal) {
        problem = refusal;
        if (refusal.status !== 500) break;
        failed.add(entry[1].lease); // the server stumbles over this one; the others go on
      }
    }
    this.problem = problem;
    this.failures = problem ? this.failures + 1 : 0;
    if (!problem || this.closed) return;
    const seconds = Math.min(30, 2 ** Math.min(this.failures - 1, 5));
    this.timer = setTimeout(() => this.flush(), seconds * 1000);
  }

  async send(key, reply, keepalive) {
    let receipt = null;
    try {
      receipt = await this.call("POST", "/api/answers", reply, keepalive);
      if (!Number.isInteger(receipt.judgement)) throw new Refusal(0, "there is no receipt");
    } catch (refusal) {
      if (refusal.passing || refusal.signedOut || !(refusal instanceof Refusal)) throw refusal;
      // No later try can help; it is shown, never thrown away.
      this.aside.put(reply.client_id, { ...reply, status: refusal.status, error: refusal.message });
    }
    this.shelf.drop(key);
    if (receipt) this.onSent(reply, receipt);
  }

  close() {
    this.closed = true;
    removeEventListener("online", this.online);
    removeEventListener("beforeunload", this.leaving);
    clearInterval(this.sweep);
    clearTimeout(this.timer);
    this.flush(true);
  }
}

function byKey([left], [right]) {
  return left < right ? -1 : left > right ? 1 : 0;
}

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // not written by us
  }
}
