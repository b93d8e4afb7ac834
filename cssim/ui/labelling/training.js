/* The practice round: gold pages before the first real ones, each with its expected answer after. */

class Training {
  constructor(call, onReady) {
    this.call = call;
    this.pages = null; // null until the server said which
    this.at = 0;
    this.right = 0;
    this.onReady = onReady;
  }

  async load(prepare) {
    try {
      const { pages } = await this.call("GET", "/api/training");
      // No lease is needed: these answers never count.
      this.pages = pages.map((page) => prepare({ ...page, lease: `practice-${page.page}`, training: true }));
    } catch (refusal) {
      if (refusal.passing || refusal.signedOut) return void setTimeout(() => this.load(prepare), 3000);
      this.pages = [];
    }
    this.onReady();
  }

  get known() {
    return this.pages !== null;
  }

  get left() {
    return this.known ? this.pages.length - this.at : 0;
  }

  get page() {
    return this.left > 0 ? this.pages[this.at] : null;
  }
}

/** Methods of `Labelling`. */
const PRACTICE = {
  async practised(said, reply) {
    if (this.checking) return;
    this.checking = true;
    const { page } = this;
    try {
      const { kind, order, classes, response_ms } = reply;
      const feedback = await this.call("POST", "/api/training", { page: page.page, kind, order, classes, response_ms });
      if (this.page !== page) return;
      this.training.at += 1;
      this.training.right += feedback.right ? 1 : 0;
      drawFeedback(this.root, page, said, feedback);
      this.setCover("feedback", feedbackCover(feedback, this.training));
      this.announce(`${feedback.right ? "As expected." : "Not as expected."} ${feedback.message}`);
    } catch (refusal) {
      this.ranking = new Ranking(page.candidates.length);
      this.drawAnswer();
      this.say(refusal.message);
    } finally {
      this.checking = false;
    }
  },
};

/** Each candidate with what the person said and, where it differs, what was expected. */
function drawFeedback(root, page, said, { expected }) {
  for (const element of root.querySelectorAll("[data-place]")) {
    const place = Number(element.dataset.place);
    const { position } = page.candidates[place];
    const wanted = expected.classes.length ? expected.classes[position] : null;
    const own = said.classes[place];
    element.classList.remove("active", "lit", "dim");
    const first = expected.order[0] === position;
    element.classList.toggle("expected", first);
    const rank = own && wanted && own !== wanted ? `${own}, expected ${wanted} ${CLASSES[wanted]}` : wanted ? `${wanted} ${CLASSES[wanted]}` : "";
    const mine = said.kind === "answer" && said.first === place;
    const choice = first ? (mine ? "Closer, as you said" : "Closer") : mine ? "You said this one" : "";
    drawBadge(element, page.mode === "rank" ? rank : choice, wanted);
  }
}

function feedbackCover({ right, message }, training) {
  const over = training.left === 0;
  const shown = `Practice page ${training.at} of ${training.pages.length}`;
  const result = `${training.right} of ${training.pages.length} as expected. From now on your answers count.`;
  return make(
    "div",
    { class: `card feedback ${right ? "right" : "wrong"}`, role: "dialog", "aria-modal": "true", "aria-label": "Feedback" },
    make("h2", {}, right ? "As expected" : "Not quite"),
    make("p", {}, message || (right ? "" : "The badges show what was expected.")),
    make("p", { class: "hint" }, over ? `Practice is over: ${result}` : shown),
    make("button", { class: "main", "data-do": "close" }, over ? "Start" : "Next", make("kbd", {}, "Enter"))
  );
}
