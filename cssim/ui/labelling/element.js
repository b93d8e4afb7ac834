/* The labelling element: which page is on the screen, and what becomes of an answer. */

/** A page can be answered this many milliseconds after it was painted: nobody reacts faster. */
const SETTLE = 150;
const DAY = 24 * 3600_000; // longest response time that the server believes, in ms

class Labelling {
  constructor(parent, data) {
    this.parent = parent;
    this.root = parent.querySelector(".lab");
    this.data = data;
    this.present = null; // the page to answer next
    this.page = null; // the page on the screen: the present one or an earlier one
    this.past = []; // earlier pages with what was said, oldest first
    this.at = null; // place in `past` while an earlier page is on the screen
    this.allPast = false; // the server has none older
    this.given = 0; // new pages answered since the server was asked how many
    this.sitting = 0; // and since this page was opened
    this.ownToday = data.own_today;
    this.shared = { done: data.done, wanted: data.wanted };
    this.paintedAt = null;
    this.hidden = 0; // ms for which the page could not be seen since then
    this.cover = null;
    this.remark = null; // flagged, to be answered all the same
    this.asked = data.show; // by the address
    this.pace = new Pace(data.break_minutes);
    this.root.dataset.tie = data.cannot_say ? "yes" : "no";
    this.call = callerFor(data.person);
    this.outbox = new Outbox(this.call, data.person, () => this.outboxChanged(), (reply, receipt) => this.noted(reply, receipt));
    this.supply = new Supply(this.call, {
      unsent: () => this.outbox.flush(),
      heldElsewhere: () => [...(this.present ? [this.present.lease] : []), ...this.outbox.leases],
      imageWidth: () => this.imageWidth(),
      onChange: () => this.supplied(),
      onLapsed: (leases) => this.lapsed(leases),
      leaseSeconds: data.lease_seconds,
    });
    this.training = new Training(this.call, () => this.supplied());
    this.listen();
    this.resize();
    this.drawStatus();
    this.showRest("loading");
    this.supply.top(true);
    this.training.load((page) => this.supply.prepare(page));
    this.askProgress();
  }

  listen() {
    this.controller = new AbortController();
    const { signal } = this.controller;
    this.listenToKeys(signal);
    this.listenToPointer(signal);
    addEventListener("resize", () => this.resize(), { signal });
    addEventListener("pagehide", () => this.supply.release(this.present ? [this.present.lease] : []), { signal });
    addEventListener("pageshow", (event) => event.persisted && this.startAgain(), { signal });
    document.addEventListener("visibilitychange", () => this.visibility(), { signal });
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(document.documentElement);
    this.watchDialogs();
    this.asking = setInterval(() => document.visibilityState === "visible" && this.askProgress(), ASK_AGAIN);
  }

  close() {
    this.controller.abort();
    this.observer.disconnect();
    this.dialogs.disconnect();
    clearInterval(this.asking);
    this.supply.close();
    this.supply.release(this.present ? [this.present.lease] : []);
    this.outbox.close();
  }

  startAgain() {
    this.present = null;
    this.at = null;
    this.showRest("loading");
    this.supply.top(true);
  }

  visibility() {
    if (document.visibilityState === "hidden") return this.unseen("tab");
    this.seen("tab");
    this.supply.top(true);
  }

  /** The page cannot be seen from now on, for this reason; `seen` ends it. */
  unseen(reason) {
    this.blinds = this.blinds || new Set();
    if (this.blinds.size === 0) this.blindSince = performance.now();
    this.blinds.add(reason);
  }

  seen(reason) {
    if (!this.blinds?.delete(reason) || this.blinds.size || !this.paintedAt) return;
    this.hidden += performance.now() - Math.max(this.blindSince, this.paintedAt);
  }

  resize() {
    const top = this.root.getBoundingClientRect().top + this.scrolled();
    const height = Math.max(280, innerHeight - top - 8);
    const wide = this.root.clientWidth > 1.2 * height;
    this.root.style.height = `${height}px`;
    this.root.dataset.wide = wide ? "yes" : "no";
    this.root.dataset.low = wide && height < 440 ? "yes" : "no";
    const narrow = this.root.clientWidth < 620 && height > this.root.clientWidth ? "yes" : "no";
    if (this.root.dataset.narrow === narrow) return;
    this.root.dataset.narrow = narrow;
    if (this.page && this.paintedAt) this.drawAll();
  }

  scrolled() {
    const main = document.querySelector('[data-testid="stMain"]');
    return main ? main.scrollTop : scrollY;
  }

  /** Width of the thumbnails to fetch: what the largest tile can show, in real pixels. */
  imageWidth() {
    const wanted = (Math.max(this.root.clientWidth, this.root.clientHeight) / 2) * devicePixelRatio;
    return [256, 512, 1024, 2048].find((width) => width >= wanted) || 2048;
  }

  // --- which page is on the screen ---------------------------------------------------------

  outboxChanged() {
    this.drawStatus();
    // Whoever works here now must not answer in the name of the one before.
    if (this.outbox.problem?.status === 412 && this.root.dataset.state !== "someoneelse") this.supply.top(true);
  }

  /** After a long absence the page in hand may be somebody else's; one that was begun is finished. */
  lapsed(leases) {
    if (!this.present || !leases.includes(this.present.lease)) return;
    const onScreen = this.page === this.present;
    if (onScreen && (this.ranking.steps.length || this.remark || this.cover)) return;
    this.present = null;
    if (!onScreen) return;
    this.page = null;
    this.say("You were away for long: the page went back to all, and this is another one.");
  }

  supplied() {
    this.drawStatus();
    if (this.supply.problem?.status === 412) return this.showProblem();
    if (this.page?.training || (this.cover === "feedback" && this.page)) return;
    const away = this.root.dataset.state === "someoneelse";
    if (!away && (this.present || this.at !== null)) return; // nothing is pulled away under their hands
    this.next();
  }

  next() {
    this.at = null;
    if (!this.training.known) return this.supply.problem ? this.showProblem() : this.showRest("loading");
    if (this.training.page) return void this.show(this.training.page);
    this.present = this.present || this.supply.take() || null;
    if (this.present) return void this.show(this.present);
    if (this.supply.problem) this.showProblem();
    else this.showRest(this.supply.exhausted ? "finished" : "loading");
  }

  showProblem() {
    const { problem } = this.supply;
    const state = { 0: "offline", 401: "signedout", 412: "someoneelse" }[problem.status] ?? "problem";
    this.showRest(state, problem.message);
  }

  /** Put a page on the screen: with `before`, what was said about it; with `steps`, all but the last of them. */
  async show(page, before = null, steps = []) {
    this.page = page;
    this.before = before;
    this.remark = before?.flag ?? null; // a correction keeps it
    this.ranking = new Ranking(page.candidates.length, steps);
    this.ranking.back();
    this.paintedAt = null;
    this.root.dataset.lease = "";
    if (!page.decoded) {
      if (!page.ready) this.supply.prepare(page);
      this.showRest("loading");
      this.page = page;
      await page.ready;
      if (this.page !== page) return;
    }
    this.resize();
    this.uncover();
    this.root.dataset.state = page.training ? "training" : before ? "revisit" : "page";
    this.drawAll();
    this.drawStatus();
    this.announce(spokenPage(page, before));
    if (!this.welcomed()) this.welcome();
    else this.openAsked();
    if (this.remark) this.say(`You flagged this page: ${this.remark}`);
    // The second frame callback runs after the first frame with all images was painted.
    requestAnimationFrame(() => requestAnimationFrame(() => this.painted(page)));
  }

  painted(page) {
    if (this.page !== page || this.paintedAt) return;
    this.paintedAt = performance.now();
    this.hidden = 0;
    this.root.dataset.lease = page.lease;
    if (this.pressedAt) this.root.dataset.latency = (this.paintedAt - this.pressedAt).toFixed(1);
    this.pressedAt = null;
  }

  get settled() {
    return this.paintedAt !== null && performance.now() - this.paintedAt >= SETTLE;
  }

  get brokenPage() {
    return [this.page.reference, ...this.page.candidates].some((picture) => picture.broken);
  }

  drawAll() {
    this.root.dataset.line = this.ranking.line.join();
    drawPage(this.root, this.page, this.ranking.line);
    this.drawAnswer();
  }

  drawAnswer() {
    const line = this.ranking.line.join();
    if (this.root.dataset.line !== line) {
      this.root.dataset.line = line;
      drawPage(this.root, this.page, this.ranking.line);
    }
    drawAnswer(this.root, this.page, this.ranking, this.before);
  }

  // --- answering ---------------------------------------------------------------------------

  /** Send an answer; `order` and `classes` speak of places on the screen. */
  commit(kind, { order = [], classes = [], flag = this.remark } = {}) {
    const { page } = this;
    const position = (place) => page.candidates[place].position;
    const inPage = [];
    classes.forEach((value, place) => (inPage[position(place)] = value));
    const reply = {
      client_id: freshId(),
      lease: page.lease,
      kind,
      order: order.map(position),
      classes: inPage,
      response_ms: believable(performance.now() - this.paintedAt - this.hidden),
      answered_at: new Date().toISOString(),
      ...(flag ? { flag } : {}),
    };
    const text = this.words(kind, order);
    const { steps } = this.ranking;
    const said = { page, kind, first: order[0], order, classes, steps, flag, text, at: Date.now(), client_id: reply.client_id };
    if (page.training) return void this.practised(said, reply);
    if (this.at === null) {
      this.present = null;
      this.sitting += 1;
      if (kind !== "skip") this.given += 1;
      this.pace.answered(performance.now());
    }
    this.remember(said);
    this.outbox.add(reply);
    this.next();
  }

  words(kind, order) {
    if (kind === "skip") return "Skipped";
    if (kind === "tie") return "Cannot say";
    if (this.page.mode === "choose") return sides(this.root)[order[0]];
    return this.ranking.line.map((place) => this.ranking.classes[place]).join(" ");
  }

  choose(place) {
    this.commit("answer", { order: [place, 1 - place] });
  }

  skip() {
    if (this.page.training) return this.say("A practice page cannot be skipped; any answer will do.");
    this.commit("skip");
  }

  rated() {
    this.drawAnswer();
    const { order, classes, pair, active } = this.ranking;
    if (order) return this.commit("answer", { order, classes });
    this.announce(pair ? `Same class. Which is closer, candidate ${pair[0] + 1} or ${pair[1] + 1}?` : `Candidate ${active + 1} is outlined.`);
  }
}

Object.assign(Labelling.prototype, HANDS, POINTER, STATUS, COVERING, HISTORY, PRACTICE);

/** A response time in whole milliseconds; null where nobody works for so long at one page. */
function believable(milliseconds) {
  return milliseconds <= DAY ? Math.max(0, Math.round(milliseconds)) : null;
}

const INSTANCES = new WeakMap();

export default function (component) {
  const { parentElement, data } = component;
  const present = INSTANCES.get(parentElement);
  if (present?.data.person === data.person) {
    present.data = data;
  } else {
    present?.close(); // a tab that changed hands
    INSTANCES.set(parentElement, new Labelling(parentElement, data));
  }
  return () => {
    INSTANCES.get(parentElement)?.close();
    INSTANCES.delete(parentElement);
  };
}
