/* The quiet line above the pictures: the question, whether all is saved, how far one got. */

const ASK_AGAIN = 60_000; // ms after which the server is asked anew how far everybody got

/** Methods of `Labelling`. */
const STATUS = {
  drawStatus() {
    if (!this.supply) return;
    this.drawSaved();
    this.drawCount();
    this.root.querySelector(".question").textContent = question(this.page?.mode ?? "choose", this.data);
  },

  drawSaved() {
    const { waiting, problem, refused } = this.outbox;
    const set = (state, text) => {
      const changed = this.root.querySelector(".note").textContent !== text;
      this.root.querySelector(".saved").dataset.state = state;
      this.root.querySelector(".note").textContent = text;
      if (changed && state === "stuck") this.announce(text);
    };
    clearTimeout(this.slow);
    if (waiting && problem?.signedOut) set("stuck", `Signed out: ${count(waiting, "answer")} kept here`);
    else if (waiting && problem) set("stuck", `${count(waiting, "answer")} not sent yet, kept here`);
    else if (refused.length) set("stuck", `${count(refused.length, "answer")} not taken: press h`);
    else if (waiting) this.slow = setTimeout(() => set("busy", "Saving"), 600);
    else set("calm", this.last && this.last.judgement ? `${this.last.text} · saved` : "Saved");
  },

  drawCount() {
    const place = this.root.querySelector(".count");
    const minutes = this.pace.breakDue(performance.now());
    if (this.page?.training) {
      place.textContent = `Practice ${Math.min(this.training.at + 1, this.training.pages.length)} of ${this.training.pages.length}`;
    } else if (this.at !== null) {
      this.offer(place, "close", "Earlier page: leave it as it is", "Esc");
    } else if (minutes) {
      this.offer(place, "break", `${count(minutes, "minute")} at a stretch: a break?`, "b");
    } else {
      const pace = this.pace.perMinute;
      const words = [`${(this.ownToday + this.given).toLocaleString()} today`];
      if (pace) words.push(`${pace < 10 ? pace.toFixed(1) : Math.round(pace)} a minute`);
      place.textContent = words.join(" · ");
    }
    this.drawShared();
  },

  /** A button where the count stands; it is left alone where it is there already. */
  offer(place, what, text, key) {
    const button = make("button", { "data-do": what }, text, make("kbd", {}, key));
    if (place.textContent !== button.textContent) place.replaceChildren(button);
  },

  /** How far everybody got, as a thin line above all. */
  drawShared() {
    const bar = this.root.querySelector(".shared");
    const { done, wanted } = this.shared;
    bar.hidden = !wanted;
    if (!wanted) return;
    const text = `${done.toLocaleString()} of ${count(wanted, "answer")} there`;
    bar.setAttribute("aria-valuemax", wanted);
    bar.setAttribute("aria-valuenow", done);
    bar.setAttribute("aria-valuetext", text);
    bar.title = text;
    bar.firstElementChild.style.width = `${(100 * Math.min(done, wanted)) / wanted}%`;
  },

  async askProgress() {
    const midnight = new Date();
    midnight.setHours(0, 0, 0, 0);
    try {
      const told = await this.call("GET", `/api/progress?since=${encodeURIComponent(midnight.toISOString())}`);
      this.shared = { done: told.done, wanted: told.wanted };
      this.ownTotal = told.own_total;
      if (!this.outbox.waiting) [this.ownToday, this.given] = [told.own_today, 0];
      this.drawCount();
    } catch (refusal) {
      if (!refusal.passing && !refusal.signedOut) this.say(refusal.message);
    }
  },

  /** For eyes: a line that goes away by itself; it is also read aloud. */
  say(text) {
    const line = this.root.querySelector(".spoken");
    line.textContent = `${text[0].toUpperCase()}${text.slice(1)}`;
    clearTimeout(this.silence);
    this.silence = setTimeout(() => (line.textContent = ""), 4000);
    this.announce(text);
  },

  /** For those who listen. */
  announce(text) {
    this.root.querySelector(".live").textContent = text;
  },
};
