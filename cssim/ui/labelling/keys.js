/* The person's hands: keys and taps, and what each of them means.
 *
 * A key counts only when all images of the page are decoded and painted and `SETTLE` ms have passed;
 * never while it is held, with a modifier, or in a text field. */

const MINE = new Set([
  ..."0123456789=usfz?",
  ..."rc", // Streamlit's own keys: a slip must not run the page anew
  ..."ArrowLeft ArrowRight Backspace Enter Escape".split(" "),
]);

/** Methods of `Labelling`. */
const HANDS = {
  key(event) {
    const target = event.composedPath()[0];
    if (target instanceof Element && target.closest("input, textarea, select, [contenteditable]")) {
      if (event.key === "Escape" && this.cover) this.leaveCover();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!MINE.has(name)) return;
    const onControl = target instanceof Element && target.closest("a, button");
    if (name === "Enter" && onControl) return; // Enter presses what has the focus
    event.preventDefault();
    event.stopImmediatePropagation(); // Streamlit takes r and c for itself
    if (event.repeat) return;
    this.pressedAt = event.timeStamp;
    this.press(name);
  },

  press(name) {
    if (this.cover === "zoom" && name === "z") return this.zoomNext();
    if (this.cover && this.cover !== "rest") return void (["Escape", "Enter", "?", "z"].includes(name) && this.leaveCover());
    if (name === "?") return this.help();
    if (name === "u" && (this.settled || this.cover === "rest")) return void this.undo();
    if (!this.page || !this.settled || this.cover) return;
    if (name === "s") return this.commit("skip");
    if (name === "f") return this.flag();
    if (name === "z") return this.zoom(this.page.mode === "rank" ? this.ranking.active : 0);
    if ((name === "Escape" || name === "Enter") && this.at !== null) return this.next();
    if (this.page.mode === "choose") this.pressChoose(name);
    else this.pressRank(name);
  },

  pressChoose(name) {
    if (name === "ArrowLeft" || name === "1") this.choose(0);
    else if (name === "ArrowRight" || name === "2") this.choose(1);
    else if (name === "0" || name === "=") this.commit("tie");
  },

  pressRank(name) {
    const arrow = { ArrowLeft: 0, ArrowRight: 1 }[name];
    if (name === "Backspace") this.ranking.back();
    else if (arrow !== undefined && this.ranking.pair) this.ranking.decide(arrow);
    else if (arrow !== undefined) this.ranking.move(arrow ? 1 : -1);
    else if (name >= "1" && name <= "5") this.ranking.rate(Number(name));
    else return;
    this.rated();
  },

  click(event) {
    const button = event.target.closest("[data-do], [data-key]");
    if (button) {
      button.blur();
      this.pressedAt = event.timeStamp;
      const names = { undo: "u", back: "Backspace", skip: "s", flag: "f", zoom: "z", help: "?", close: "Escape" };
      if (this.cover === "zoom" && event.target.closest("figure + figure")) return this.zoomNext();
      return this.press(button.dataset.key || names[button.dataset.do]);
    }
    const place = event.target.closest("[data-place]");
    if (place && this.settled && !this.cover) {
      this.pressedAt = event.timeStamp;
      this.tap(Number(place.dataset.place));
    }
  },

  tap(place) {
    if (this.page.mode === "choose") return this.choose(place);
    if (this.ranking.pair) {
      if (!this.ranking.pair.includes(place)) return;
      this.ranking.decide(this.ranking.pair.indexOf(place));
    } else this.ranking.active = place;
    this.rated();
  },
};
