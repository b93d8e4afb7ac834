/* One's own earlier answers: those of this sitting and those the server knows, to look at and change.
 *
 * `past` holds them oldest first, as {page, kind, first, order, classes, judgement, at, flag}; an
 * answer without `judgement` is still on its way. */

const PORTION = 40; // answers fetched, and listed, at once: a day has thousands
const KEPT = 30; // answers whose pictures stay decoded

/** Methods of `Labelling`. */
const HISTORY = {
  /** Remember what was just said; a corrected answer moves to the end. */
  remember(said) {
    this.past = this.past.filter((earlier) => earlier.page.page !== said.page.page);
    this.past.push(said);
    this.last = said;
    // A day's pictures need not stay decoded; who goes back that far waits a moment.
    const old = this.past[this.past.length - KEPT];
    if (old) forgetPictures(old.page);
  },

  /** An answer is durable: the receipt says where. */
  noted(reply, receipt) {
    const said = this.past.find((earlier) => earlier.client_id === reply.client_id);
    if (said) Object.assign(said, { judgement: receipt.judgement, late: receipt.late });
  },

  /** The page before; with `stepBack` as it was before the last key on it. */
  async undo(stepBack = false) {
    const before = () => (this.at === null ? this.past.length : this.at) - 1;
    if (before() < 0 && !(await this.fetchPast())) {
      return this.say("There is no earlier page of yours.");
    }
    this.revisit(this.past[before()], stepBack);
  },

  revisit(said, stepBack = false) {
    this.at = this.past.indexOf(said);
    this.show(said.page, said, stepBack ? stepsOf(said) : []);
  },

  /** Earlier answers from the server, put before those known here; false where there are none. */
  async fetchPast() {
    if (this.allPast) return false;
    const known = this.past.map((said) => said.judgement).filter(Boolean);
    const before = this.fetched && known.length ? `&before=${Math.min(...known)}` : "";
    try {
      const { answers } = await this.call("GET", `/api/answers?limit=${PORTION}${before}`);
      this.fetched = true;
      this.allPast = answers.length < PORTION;
      const pages = new Set(this.past.map((said) => said.page.page));
      const fresh = answers.filter((given) => !pages.has(given.page)).map(saidBefore);
      this.past.unshift(...fresh.reverse());
      if (this.at !== null) this.at += fresh.length;
      return fresh.length > 0 || (!this.allPast && this.fetchPast());
    } catch (refusal) {
      this.say(refusal.message);
      return false;
    }
  },

  /** What the address asks for, once, as soon as something lies below it. */
  openAsked() {
    const { asked } = this;
    this.asked = null;
    if (asked === "history") this.history();
  },

  async history() {
    const wanted = () => this.cover === "history";
    this.listed = PORTION;
    this.drawHistory();
    if (!this.fetched) {
      await this.fetchPast();
      if (wanted()) this.drawHistory();
    }
  },

  drawHistory(focusOn) {
    const { outbox } = this;
    const past = this.past.slice(-this.listed);
    const allPast = this.allPast && past.length === this.past.length;
    const open = (said) => this.revisit(said);
    const more = async () => {
      const last = past[0];
      this.listed += PORTION;
      if (this.past.length < this.listed) await this.fetchPast();
      if (this.cover === "history") this.drawHistory(last);
    };
    const refused = outbox.refused.map((reply) =>
      refusedItem(reply, {
        retry: () => (outbox.retry(reply), this.drawHistory()),
        discard: () => (outbox.discard(reply), this.drawHistory()),
      })
    );
    const { card, items } = historyCover({ past, refused, open, more: allPast ? null : more });
    this.setCover("history", card);
    if (focusOn) items.get(focusOn)?.focus();
  },
};

/** The steps by which a page was ranked; of an earlier day its classes, one after the other. */
function stepsOf({ kind, classes, steps }) {
  if (kind !== "answer") return [];
  return steps ?? classes.map((value, place) => ["rate", place, value]);
}

function forgetPictures(page) {
  [page.decoded, page.ready] = [false, null];
  for (const picture of [page.reference, ...page.candidates]) delete picture.image;
}

/** What the server tells of an own answer, as `past` holds it. */
function saidBefore(given) {
  const place = (position) => given.candidates.findIndex((candidate) => candidate.position === position);
  const order = given.order.map(place);
  return {
    page: given,
    judgement: given.judgement,
    kind: given.kind,
    first: order[0],
    order,
    classes: given.classes.length ? given.candidates.map((c) => given.classes[c.position]) : [],
    flag: given.flag,
    at: Date.parse(given.created_at),
  };
}

function historyCover({ past, refused, open, more }) {
  const items = new Map(past.map((said) => [said, historyItem(said, open)]));
  const card = make(
    "div",
    { class: "card history", role: "dialog", "aria-modal": "true", "aria-label": "Your answers" },
    make("h2", {}, "Your answers"),
    ...(refused.length ? [make("h3", {}, "Not taken by the server"), ...refused] : []),
    make("p", {}, past.length ? "Newest first. Open one to see it again and change it." : "You have given no answers here yet."),
    make("div", { class: "given", role: "list" }, ...[...items.values()].reverse().map((item) => make("div", { role: "listitem" }, item))),
    make(
      "div",
      { class: "pair" },
      ...(more && past.length ? [make("button", { onclick: more }, "Earlier answers")] : []),
      make("button", { class: "main", "data-do": "close" }, "Back to work")
    )
  );
  return { card, items };
}

function historyItem(said, open) {
  const { page, order = [], classes, kind } = said;
  const thumb = (picture, label, mark, extra = "") =>
    make("span", { class: `thumb ${extra}` }, make("img", { src: picture.image?.src || `/images/${picture.sha256}?w=256`, alt: label, loading: "lazy" }), ...(mark ? [make("b", {}, mark)] : []));
  const places = order.length ? order : page.candidates.map((_, place) => place);
  const candidates = places.map((place, rank) =>
    thumb(
      page.candidates[place],
      `Candidate ${place + 1}`,
      classes[place] ? String(classes[place]) : kind === "answer" && rank === 0 ? "closer" : "",
      kind === "answer" && rank === 0 ? "first" : ""
    )
  );
  const words = { answer: page.mode === "rank" ? "Closest first" : "Closer one first", tie: "Cannot say", skip: "Skipped" }[kind];
  const state = said.judgement ? (said.late ? "saved late" : "") : "not sent yet";
  const line = [when(said.at), words, said.flag ? `flagged: ${said.flag}` : "", state].filter(Boolean).join(" · ");
  return make(
    "button",
    { class: `item ${said.judgement ? "" : "unsent"}`, onclick: () => open(said) },
    make("span", { class: "thumbs" }, thumb(page.reference, "Reference", "", "reference"), ...candidates),
    make("span", { class: "line" }, line)
  );
}

function refusedItem(reply, { retry, discard }) {
  const sure = (event) => {
    if (event.target.dataset.sure) return discard();
    event.target.dataset.sure = "yes";
    event.target.textContent = "Really throw it away?";
  };
  return make(
    "div",
    { class: "refused" },
    make("p", {}, `${when(Date.parse(reply.answered_at))}: ${reply.error} (${reply.status})`),
    make("button", { onclick: retry }, "Send again"),
    make("button", { onclick: sure }, "Throw away")
  );
}

/** A moment as people say it. */
function when(milliseconds) {
  const moment = new Date(milliseconds);
  const time = moment.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const today = new Date().toDateString() === moment.toDateString();
  return today ? time : `${moment.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
}
