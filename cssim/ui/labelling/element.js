/* The labelling element: which page is on the screen, and what becomes of an answer. */

/** A page can be answered this many milliseconds after it was painted: nobody reacts faster. */
const SETTLE = 150;

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
    this.given = 0;
    this.paintedAt = null;
    this.hidden = 0;
    this.cover = null;
    this.outbox = new Outbox(data.person, () => this.drawStatus());
    this.supply = new Supply({
      heldElsewhere: () => [...(this.present ? [this.present.lease] : []), ...this.outbox.leases],
      imageWidth: () => this.imageWidth(),
      onChange: () => this.supplied(),
      leaseSeconds: data.lease_seconds,
    });
    this.listen();
    this.resize();
    this.drawStatus();
    this.showRest("loading");
    this.outbox.flush();
    this.supply.top();
  }

  listen() {
    this.controller = new AbortController();
    const { signal } = this.controller;
    addEventListener("keydown", (event) => this.key(event), { capture: true, signal });
    addEventListener("resize", () => this.resize(), { signal });
    addEventListener("pagehide", () => this.supply.release(this.present ? [this.present.lease] : []), { signal });
    addEventListener("pageshow", (event) => event.persisted && this.startAgain(), { signal });
    document.addEventListener("visibilitychange", () => this.visibility(), { signal });
    this.root.addEventListener("click", (event) => this.click(event), { signal });
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(document.documentElement);
  }

  close() {
    this.controller.abort();
    this.observer.disconnect();
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
    if (document.visibilityState === "hidden") {
      this.hiddenSince = performance.now();
    } else {
      if (this.hiddenSince && this.paintedAt) this.hidden += performance.now() - Math.max(this.hiddenSince, this.paintedAt);
      this.hiddenSince = null;
      this.supply.top(true);
      this.outbox.flush();
    }
  }

  resize() {
    const top = this.root.getBoundingClientRect().top + this.scrolled();
    const height = Math.max(420, innerHeight - top - 8);
    this.root.style.height = `${height}px`;
    this.root.dataset.wide = this.root.clientWidth > 1.2 * height ? "yes" : "no";
    const narrow = this.root.clientWidth < 620 && height > this.root.clientWidth ? "yes" : "no";
    if (this.root.dataset.narrow !== narrow) {
      this.root.dataset.narrow = narrow;
      if (this.page && this.paintedAt) drawPage(this.root, this.page), this.drawAnswer();
    }
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

  supplied() {
    this.drawStatus();
    if (this.present && this.at === null && this.page === this.present) return;
    if (this.present) return;
    this.next();
  }

  next() {
    this.at = null;
    this.present = this.present || this.supply.take() || null;
    if (this.present) return void this.show(this.present);
    const { problem, exhausted } = this.supply;
    if (problem) {
      const state = problem.status === 401 ? "signedout" : problem.status === 0 ? "offline" : "problem";
      this.showRest(state, problem.message);
    } else this.showRest(exhausted ? "finished" : "loading");
  }

  async show(page, before = null) {
    this.page = page;
    this.before = before;
    this.ranking = new Ranking(page.candidates.length);
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
    this.root.dataset.state = before ? "revisit" : "page";
    drawPage(this.root, page);
    this.drawAnswer();
    this.drawStatus();
    // The second frame callback runs after the first frame with all images was painted.
    requestAnimationFrame(() => requestAnimationFrame((now) => this.painted(page, now)));
  }

  painted(page) {
    if (this.page !== page || this.paintedAt) return;
    this.paintedAt = performance.now();
    this.hidden = 0;
    this.hiddenSince = document.visibilityState === "hidden" ? this.paintedAt : null;
    this.root.dataset.lease = page.lease;
    if (this.pressedAt) this.root.dataset.latency = (this.paintedAt - this.pressedAt).toFixed(1);
    this.pressedAt = null;
  }

  get settled() {
    return this.paintedAt !== null && performance.now() - this.paintedAt >= SETTLE;
  }

  // --- answering ---------------------------------------------------------------------------

  /** Send an answer; `first`, `order` and `classes` speak of places on the screen. */
  commit(kind, { order = [], classes = [], flag } = {}) {
    const page = this.page;
    const position = (place) => page.candidates[place].position;
    const inPage = [];
    classes.forEach((value, place) => (inPage[position(place)] = value));
    const reply = {
      client_id: freshId(),
      lease: page.lease,
      kind,
      order: order.map(position),
      classes: inPage,
      response_ms: Math.max(0, Math.round(performance.now() - this.paintedAt - this.hidden)),
      answered_at: new Date().toISOString(),
      ...(flag ? { flag } : {}),
    };
    this.outbox.add(reply);
    const said = { page, kind, first: order[0], classes, text: this.words(kind, order) };
    if (this.at !== null) {
      this.past.splice(this.at, 1);
    } else {
      this.present = null;
      if (kind !== "skip") this.given += 1;
    }
    this.past.push(said);
    if (this.past.length > 200) this.past.shift();
    this.last = said;
    this.next();
  }

  words(kind, order) {
    if (kind === "skip") return "Skipped";
    if (kind === "tie") return "Equally close";
    if (this.page.mode === "choose") return sides(this.root)[order[0]];
    return this.ranking.classes.join(" ");
  }

  choose(place) {
    this.commit("answer", { order: [place, 1 - place] });
  }

  rated() {
    this.drawAnswer();
    if (this.ranking.order) this.commit("answer", { order: this.ranking.order, classes: this.ranking.classes });
  }

  async undo() {
    const before = () => (this.at === null ? this.past.length : this.at) - 1;
    if (before() < 0 && !(await this.fetchPast())) {
      return this.say("There is no earlier page of yours.");
    }
    this.at = before();
    const said = this.past[this.at];
    this.show(said.page, said);
  }

  /** Earlier answers from the server, put before those known here; false where there are none. */
  async fetchPast() {
    if (this.allPast) return false;
    const oldest = this.past.length ? this.past[0].judgement : undefined;
    try {
      const { answers } = await call("GET", `/api/answers?limit=100${oldest ? `&before=${oldest}` : ""}`);
      const known = new Set(this.past.map((said) => said.page.lease));
      const fresh = answers.filter((given) => !known.has(given.lease)).map((given) => this.fromServer(given));
      this.allPast = answers.length < 100;
      this.past.unshift(...fresh.reverse());
      if (this.at !== null) this.at += fresh.length;
      return fresh.length > 0;
    } catch (refusal) {
      this.say(refusal.message);
      return false;
    }
  }

  fromServer(given) {
    const page = given;
    const place = (position) => page.candidates.findIndex((candidate) => candidate.position === position);
    return {
      page,
      judgement: given.judgement,
      kind: given.kind,
      first: given.order.length ? place(given.order[0]) : undefined,
      classes: given.classes.length ? page.candidates.map((c) => given.classes[c.position]) : [],
    };
  }

  // --- what lies over the page, and the quiet line above it --------------------------------

  setCover(kind, content) {
    this.cover = kind;
    const cover = this.root.querySelector(".cover");
    cover.hidden = false;
    cover.dataset.kind = kind;
    cover.replaceChildren(content);
  }

  uncover() {
    this.cover = null;
    const cover = this.root.querySelector(".cover");
    cover.hidden = true;
    cover.replaceChildren();
  }

  leaveCover() {
    if (this.page && this.paintedAt) this.uncover();
    else this.next();
  }

  help() {
    this.setCover("help", helpCover(this.page ? this.page.mode : "choose", this.data.instructions));
  }

  flag() {
    const { card, focus } = flagCover((text) => {
      this.uncover();
      this.commit("skip", { flag: text });
    });
    this.setCover("flag", card);
    focus();
  }

  zoom(place) {
    this.zoomed = place;
    this.setCover("zoom", zoomCover(this.page, place));
  }

  zoomNext() {
    this.zoom((this.zoomed + 1) % this.page.candidates.length);
  }

  showRest(state, problem) {
    this.page = null;
    this.paintedAt = null;
    this.root.dataset.state = state;
    this.root.dataset.lease = "";
    const { given } = this;
    this.setCover("rest", restCover({ state, given, waiting: this.outbox.waiting, problem }));
  }

  drawAnswer() {
    drawAnswer(this.root, this.page, this.ranking, this.before);
  }

  say(text) {
    this.root.querySelector(".spoken").textContent = text;
    clearTimeout(this.silence);
    this.silence = setTimeout(() => (this.root.querySelector(".spoken").textContent = ""), 4000);
  }

  drawStatus() {
    if (!this.root || !this.supply) return;
    const { waiting, problem, refused } = this.outbox;
    const set = (state, text) => {
      this.root.querySelector(".saved").dataset.state = state;
      this.root.querySelector(".note").textContent = text;
    };
    const many = (n) => `${n} ${n === 1 ? "answer" : "answers"}`;
    clearTimeout(this.slow);
    if (problem && problem.status === 401) set("stuck", `Signed out: ${many(waiting)} kept here`);
    else if (waiting && problem) set("stuck", `${many(waiting)} kept here, sent when the server is back`);
    else if (refused) set("stuck", `${many(refused)} refused: ${this.outbox.lastRefusal || "see Help"}`);
    else if (waiting) this.slow = setTimeout(() => set("busy", "Saving"), 600);
    else set("calm", this.last ? `${this.last.text} · saved` : "Saved");
    const { own_today: today } = this.data;
    this.root.querySelector(".count").textContent =
      this.at !== null ? "Earlier page · Enter keeps it" : `${today + this.given} today`;
    this.root.querySelector(".question").textContent =
      this.data.criterion || (this.page && this.page.mode === "rank" ? "How close is each to the reference?" : "Which is closer to the reference?");
  }
}

Object.assign(Labelling.prototype, HANDS);

const INSTANCES = new WeakMap();

export default function (component) {
  const { parentElement, data } = component;
  if (INSTANCES.has(parentElement)) {
    INSTANCES.get(parentElement).data = data;
  } else {
    INSTANCES.set(parentElement, new Labelling(parentElement, data));
  }
  return () => {
    INSTANCES.get(parentElement)?.close();
    INSTANCES.delete(parentElement);
  };
}
