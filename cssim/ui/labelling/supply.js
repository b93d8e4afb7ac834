/* The pages ahead: leased from the server, their images decoded before they are shown. */

const AHEAD = 6;

class Supply {
  constructor(call, { heldElsewhere, imageWidth, onChange, onLapsed, leaseSeconds, unsent }) {
    this.call = call;
    this.unsent = unsent; // settles when what waits was sent, or cannot be
    this.heldElsewhere = heldElsewhere; // lease ids on the table or in the outbox
    this.imageWidth = imageWidth;
    this.onChange = onChange;
    this.onLapsed = onLapsed; // hears which of the leases in hand others may have by now
    this.pages = [];
    this.closed = false;
    this.loading = false;
    this.exhausted = false; // the last request brought nothing
    this.problem = null;
    this.beat = setInterval(
      () => document.visibilityState === "visible" && this.top(true),
      (leaseSeconds * 1000) / 3
    );
    this.retry = null;
    this.notBefore = 0; // after a request that brought nothing, the next one waits
    this.online = () => this.top(true);
    addEventListener("online", this.online);
  }

  /** The next page, or undefined; asks for more behind it. */
  take() {
    const page = this.pages.shift();
    this.top();
    return page;
  }

  /** Ask for what is missing; `urgent` does so also when nothing is, or the last time failed. */
  async top(urgent = false) {
    if (this.loading || this.closed) return;
    if (!urgent && (this.pages.length >= AHEAD || performance.now() < this.notBefore)) return;
    clearTimeout(this.retry);
    this.loading = true;
    if (urgent) await this.unsent(); // else the server, which does not know of them, gives such pages again
    const want = AHEAD - this.pages.length;
    const asked = [...new Set([...this.pages.map((page) => page.lease), ...this.heldElsewhere()])];
    try {
      const answer = await this.call("POST", "/api/leases", { have: asked, want: Math.max(0, want) });
      if (this.closed) return this.giveBack(answer.pages.map((page) => page.lease));
      this.problem = null;
      const kept = new Set(answer.kept);
      const asking = new Set(asked);
      this.onLapsed(asked.filter((lease) => !kept.has(lease)));
      this.pages = this.pages.filter((page) => kept.has(page.lease) || !asking.has(page.lease));
      const known = new Set([...this.pages.map((p) => p.lease), ...this.heldElsewhere()]);
      const fresh = answer.pages.filter((page) => !known.has(page.lease));
      fresh.forEach((page) => this.prepare(page));
      this.pages.push(...fresh);
      this.exhausted = want > 0 && answer.pages.length === 0;
      if (this.exhausted) this.later(20);
    } catch (refusal) {
      this.problem = refusal;
      this.later(refusal.passing ? 3 : 15);
    } finally {
      this.loading = false;
      this.onChange();
    }
  }

  later(seconds) {
    this.notBefore = performance.now() + seconds * 1000;
    this.retry = setTimeout(() => this.top(true), seconds * 1000);
  }

  /** Fetch and decode a page's images; `page.ready` settles when all are there, or are gone. */
  prepare(page) {
    const width = this.imageWidth();
    page.decoded = false;
    page.ready = Promise.all([
      this.load(page.reference, "Reference", width),
      ...page.candidates.map((candidate, i) => this.load(candidate, `Candidate ${i + 1}`, width)),
    ]).then(() => {
      page.decoded = true;
    });
    return page;
  }

  async load(picture, alt, width) {
    const image = new Image();
    image.alt = alt;
    image.draggable = false;
    image.decoding = "sync"; // it is decoded already when it comes into the page
    picture.image = image;
    const address = `/images/${picture.sha256}?w=${width}`;
    for (let tries = 0; !this.closed; tries++) {
      image.src = tries ? `${address}&again=${tries}` : address;
      try {
        return await image.decode();
      } catch {
        const refusal = await whyNot(address);
        if (refusal && !refusal.passing) {
          picture.broken = refusal.message;
          return;
        }
        if (!refusal && tries > 1) {
          picture.broken = "it cannot be drawn by this browser";
          return;
        }
        await new Promise((wake) => setTimeout(wake, Math.min(8000, 500 * 2 ** tries)));
      }
    }
  }

  giveBack(leases) {
    if (leases.length === 0) return;
    this.call("POST", "/api/leases/return", { leases }, true).catch(() => {
      /* they run out by themselves */
    });
  }

  /** Let all pages go; `others` are leases on the table. */
  release(others = []) {
    this.giveBack([...this.pages.map((page) => page.lease), ...others]);
    this.pages = [];
  }

  close() {
    this.closed = true;
    clearInterval(this.beat);
    clearTimeout(this.retry);
    removeEventListener("online", this.online);
  }
}

/** Why a picture did not come: a `Refusal`, or null where the server has it. */
async function whyNot(address) {
  try {
    const response = await fetch(address, { credentials: "same-origin" });
    if (response.ok) return null;
    const answer = await response.json().catch(() => ({}));
    return new Refusal(response.status, answer.error || response.statusText);
  } catch {
    return new Refusal(0, "the server cannot be reached");
  }
}
