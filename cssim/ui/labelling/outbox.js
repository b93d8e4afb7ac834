/* Answers on their way: kept in the browser until the server says that they are durable.
 *
 * Each answer has a key of its own in local storage, so that two tabs never overwrite each other's.
 * They go out one after the other, oldest first; what a closed tab left behind goes out too. */

class Outbox {
  /** `onSent(reply, receipt)` hears of each answer that is durable now. */
  constructor(person, onChange, onSent = () => {}) {
    this.onSent = onSent;
    this.prefix = `cssim.outbox.${person}.`;
    this.refusedPrefix = `cssim.refused.${person}.`;
    this.onChange = onChange;
    this.memory = new Map(); // where local storage is full or forbidden
    this.counter = 0;
    this.failures = 0;
    this.problem = null; // the last Refusal, until something was sent
    this.timer = null;
    this.sending = false;
    this.closed = false;
    this.online = () => this.flush();
    addEventListener("online", this.online);
    this.leaving = (event) => this.memory.size && event.preventDefault(); // closing would lose them
    addEventListener("beforeunload", this.leaving);
    this.sweep = setInterval(() => this.flush(), 15000);
  }

  add(reply) {
    const order = `${String(Date.now()).padStart(15, "0")}.${String(this.counter++).padStart(6, "0")}`;
    const key = `${this.prefix}${order}.${reply.client_id}`;
    try {
      localStorage.setItem(key, JSON.stringify(reply));
    } catch {
      this.memory.set(key, reply);
    }
    this.onChange();
    this.flush();
  }

  entries() {
    const found = new Map(this.memory);
    try {
      for (const key of Object.keys(localStorage)) {
        if (!key.startsWith(this.prefix)) continue;
        const reply = readJson(localStorage.getItem(key));
        if (reply) found.set(key, reply);
      }
    } catch {
      return [...found].sort(byKey); // storage is forbidden: memory holds them all
    }
    return [...found].sort(byKey);
  }

  get waiting() {
    return this.entries().length;
  }

  get leases() {
    return this.entries().map(([, reply]) => reply.lease);
  }

  /** Answers that the server refused, with its reason; kept until the person decides. */
  get refused() {
    try {
      const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.refusedPrefix));
      return keys.map((key) => readJson(localStorage.getItem(key))).filter(Boolean);
    } catch {
      return []; // storage is forbidden: `setAside` wrote them to the console
    }
  }

  /** Try a refused answer once more. */
  retry({ status, error, ...reply }) {
    this.discard(reply);
    this.add(reply);
  }

  discard(reply) {
    localStorage.removeItem(this.refusedPrefix + reply.client_id);
    this.onChange();
  }

  async flush(keepalive = false) {
    if (this.sending) return;
    clearTimeout(this.timer);
    this.sending = true;
    try {
      for (let next = this.entries()[0]; next; next = this.entries()[0]) {
        await this.send(...next, keepalive);
      }
    } catch (refusal) {
      this.problem = refusal;
      this.failures += 1;
      if (!this.closed) {
        const seconds = Math.min(30, 2 ** Math.min(this.failures - 1, 5));
        this.timer = setTimeout(() => this.flush(), seconds * 1000);
      }
    } finally {
      this.sending = false;
      this.onChange();
    }
  }

  async send(key, reply, keepalive) {
    try {
      const receipt = await call("POST", "/api/answers", reply, keepalive);
      this.problem = null;
      this.failures = 0;
      this.onSent(reply, receipt);
    } catch (refusal) {
      if (refusal.passing || refusal.status === 401) throw refusal;
      this.setAside(key, reply, refusal); // no later try can help; shown, never thrown away
    }
    this.memory.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      return; // storage is forbidden: it was in memory only
    }
  }

  setAside(key, reply, refusal) {
    const aside = { ...reply, status: refusal.status, error: refusal.message };
    try {
      localStorage.setItem(this.refusedPrefix + reply.client_id, JSON.stringify(aside));
    } catch {
      console.error("CS-Sim: an answer was refused and cannot be stored here", aside);
    }
    this.lastRefusal = refusal.message;
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
