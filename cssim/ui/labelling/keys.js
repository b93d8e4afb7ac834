/* The person's hands on the keyboard and on buttons: what each key means.
 *
 * A key counts only when all images of the page are decoded and painted and `SETTLE` ms have passed;
 * never while it is held, with a modifier, or in a text field. */

const MINE = new Set([
  ..."0123456789=usfzhb?",
  ..."rc", // Streamlit's own keys: a slip must not run the page anew
  ..."ArrowLeft ArrowRight Backspace Enter Escape".split(" "),
]);

const HELD = 350; // ms after which a key is held rather than tapped
const CHATTER = 25; // ms between letting a key go and pressing it again, at the least

/** What a key means: what it writes where that is Latin or one of ours, else what stands in its place
 * on other keyboards, so that Cyrillic, Thai or Arabic letters, and digits behind Shift, do the same. */
function keyName({ key = "", code = "", shiftKey }) {
  const composed = key === "Process" || key === "Unidentified"; // an input method has taken it
  if (key.length !== 1 && !composed) return key;
  const name = key.normalize("NFKC").toLowerCase().replace("؟", "?");
  if (MINE.has(name) || /^[a-z]$/.test(name)) return name;
  const [, letter, digit] = /^(?:Key([A-Z])|(?:Digit|Numpad)(\d))$/.exec(code) ?? [];
  if (letter) return letter.toLowerCase();
  return digit && !shiftKey ? digit : name;
}

/** Methods of `Labelling`. */
const HANDS = {
  listenToKeys(signal) {
    addEventListener("keydown", (event) => this.key(event), { capture: true, signal });
    addEventListener("keyup", (event) => this.keyUp(event), { capture: true, signal });
    this.root.addEventListener("click", (event) => this.click(event), { signal });
    this.root.addEventListener("focusin", (event) => this.focused(event), { signal });
  },

  key(event) {
    const target = event.composedPath()[0];
    if (target instanceof Element && target.closest("input, textarea, select, [contenteditable]")) {
      if (event.key === "Escape" && !event.isComposing && this.cover) this.leaveCover();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const name = keyName(event);
    const on = (selector) => target instanceof Element && target.closest(selector);
    if (this.keyOnFocused(event, name, on)) return;
    if (!MINE.has(name)) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // Streamlit takes r and c for itself
    if (event.repeat || this.chatters(event)) return;
    this.pressedAt = event.timeStamp;
    this.press(name);
  },

  /** Keys that belong to what has the focus; true where that was so. */
  keyOnFocused(event, name, on) {
    const presses = name === "Enter" || name === " ";
    if (this.cover === "history" && ["ArrowUp", "ArrowDown"].includes(name)) {
      event.preventDefault();
      this.focusItem(name === "ArrowDown" ? 1 : -1);
      return true;
    }
    if (presses && on("a, button")) {
      if (event.repeat) event.preventDefault(); // a held key presses once
      return true;
    }
    const tile = presses && this.root.contains(on("[data-place]") || null) && on("[data-place]");
    if (!tile) return false;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!event.repeat && this.settled && !this.cover) {
      this.pressedAt = event.timeStamp;
      this.tap(Number(tile.dataset.place));
    }
    return true;
  },

  /** Whether a key that was just let go is down again sooner than a finger can: it counts once. */
  chatters(event) {
    return event.code !== "" && event.code === this.released?.code && event.timeStamp - this.released.at < CHATTER;
  },

  keyUp(event) {
    this.released = { code: event.code, at: event.timeStamp };
    if (keyName(event) !== "z" || this.cover !== "zoom") return;
    if (this.zoomedAt && event.timeStamp - this.zoomedAt > HELD) this.leaveCover();
    this.zoomedAt = null;
  },

  press(name) {
    if (this.root.dataset.state === "someoneelse") return;
    if (this.cover === "zoom" && name === "z") return this.zoomNext();
    if (this.cover === "history" && name === "h") return this.leaveCover();
    if (this.cover === "rest" && name === "h") return void this.history();
    if (this.cover && this.cover !== "rest") return this.pressOnCover(name);
    if (name === "?") return this.help();
    const resting = this.cover === "rest";
    if (name === "u" && (this.settled || resting)) return void this.undo();
    if (name === "Backspace" && resting) return void this.undo(true);
    if (!this.page || !this.settled || this.cover) return;
    if (name === "h") return void this.history();
    if (name === "b") return this.takeBreak();
    if (name === "z") return this.zoomByKey();
    if (name === "f") return this.flag();
    if (name === "s") return this.skip();
    if ((name === "Escape" || name === "Enter") && this.at !== null) return this.next();
    if (this.brokenPage) return this.say("A picture of this page is gone: skip it with s, or flag it with f.");
    if (this.page.mode === "choose") this.pressChoose(name);
    else this.pressRank(name);
  },

  pressOnCover(name) {
    const leaves = { feedback: ["Escape", "Enter"], welcome: ["Escape", "Enter"], break: ["Escape", "Enter", "b"] };
    if ((leaves[this.cover] || ["Escape", "Enter", "?", "z"]).includes(name)) this.leaveCover();
  },

  pressChoose(name) {
    if (name === "ArrowLeft" || name === "1") this.choose(0);
    else if (name === "ArrowRight" || name === "2") this.choose(1);
    else if ((name === "0" || name === "=") && this.data.cannot_say) this.commit("tie");
    else if (name === "Backspace") this.undo();
  },

  pressRank(name) {
    const arrow = { ArrowLeft: 0, ArrowRight: 1 }[name];
    if (name === "Backspace") {
      if (!this.ranking.back()) return void this.undo(true);
    } else if (arrow !== undefined && this.ranking.pair) this.ranking.decide(arrow);
    else if (arrow !== undefined) this.ranking.move(arrow ? 1 : -1);
    else if (name >= "1" && name <= "5") this.ranking.rate(Number(name));
    else return;
    this.rated();
  },

  click(event) {
    if (this.tapBlocked) return void (this.tapBlocked = false); // it was a drag, or held
    if (event.detail > 1 && this.answeredByFirst()) return; // of a double click
    this.activate(event.target, event);
  },

  /** Whether the page on the screen came by the click or tap before: nobody has seen it yet. */
  answeredByFirst() {
    return this.paintedAt !== null && this.paintedAt > (this.activatedAt ?? 0);
  },

  /** What a click or a tap on something in the element does. */
  activate(target, event) {
    this.activatedAt = performance.now();
    const button = target.closest("[data-do], [data-key]");
    if (button) {
      if (event.detail > 0) button.blur(); // a mouse leaves no focus behind, the keyboard does
      this.pressedAt = event.timeStamp;
      const names = { undo: "u", back: "Backspace", skip: "s", flag: "f", zoom: "z", help: "?", history: "h", break: "b", close: "Escape" };
      if (this.cover === "zoom" && target.closest("figure + figure")) return this.zoomNext();
      return this.press(button.dataset.key || names[button.dataset.do]);
    }
    const place = target.closest("[data-place]");
    if (place && this.settled && !this.cover) {
      this.pressedAt = event.timeStamp;
      this.tap(Number(place.dataset.place));
    }
  },

  tap(place) {
    if (this.brokenPage) return this.press("1"); // says why nothing happens
    if (this.page.mode === "choose") return this.choose(place);
    if (this.ranking.pair) {
      if (!this.ranking.pair.includes(place)) return;
      this.ranking.decide(this.ranking.pair.indexOf(place));
    } else this.ranking.active = place;
    this.rated();
  },

  /** A candidate that gets the focus by Tab is the outlined one. */
  focused(event) {
    const tile = event.target.closest("[data-place]");
    if (!tile || !this.page || this.page.mode !== "rank" || this.ranking.pair || !event.target.matches(":focus-visible")) return;
    this.ranking.active = Number(tile.dataset.place);
    this.drawAnswer();
  },

  focusItem(by) {
    const items = [...this.root.querySelectorAll(".history .item")];
    const at = items.indexOf(this.root.getRootNode().activeElement);
    items[Math.min(items.length - 1, Math.max(0, at + by))]?.focus();
  },
};
