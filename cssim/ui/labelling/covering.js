/* Putting something over the page and taking it away again; meanwhile the page rests. */

/** Methods of `Labelling`. */
const COVERING = {
  setCover(kind, content) {
    if (!this.cover) this.focusBefore = this.root.getRootNode().activeElement;
    this.cover = kind;
    const cover = this.root.querySelector(".cover");
    cover.hidden = false;
    cover.dataset.kind = kind;
    cover.replaceChildren(content);
    const asks = kind !== "rest";
    for (const part of this.root.children) part.inert = asks && part !== cover && !part.matches(".live, .spoken");
    if (!["zoom", "feedback", "rest"].includes(kind)) this.unseen("cover");
    if (!asks) return;
    const first = content.querySelector("textarea, .main") || content;
    first.focus({ preventScroll: true });
    content.scrollTop = 0;
    cover.scrollTop = 0;
  },

  uncover() {
    this.cover = null;
    const cover = this.root.querySelector(".cover");
    cover.hidden = true;
    cover.replaceChildren();
    for (const part of this.root.children) part.inert = false;
    if (this.focusBefore?.isConnected) this.focusBefore.focus({ preventScroll: true });
    this.focusBefore = null;
    this.seen("cover");
  },

  leaveCover() {
    const was = this.cover;
    if (was === "welcome") this.markWelcomed();
    if (was === "break") this.pace.restart(performance.now());
    this.uncover();
    if (was === "feedback" || !this.page || !this.paintedAt) return this.next();
    if (was === "welcome") [this.paintedAt, this.hidden] = [performance.now(), 0];
    this.drawStatus();
    if (was === "welcome") this.openAsked();
  },

  help() {
    this.setCover("help", helpCover(this.page ? this.page.mode : "choose", this.data));
  },

  /** Streamlit's "Connection error" blocks mouse and finger; the quiet line says what there is to say. */
  watchDialogs() {
    this.dialogs = new MutationObserver(() => {
      const dialog = document.querySelector('[data-testid="stDialog"]');
      if (dialog && /connection error/i.test(dialog.textContent)) dialog.querySelector('[aria-label="Close"]')?.click();
    });
    this.dialogs.observe(document.body, { childList: true, subtree: true });
  },

  // --- the instructions before the first page ----------------------------------------------

  /** Whether this person has read these instructions, in this browser. */
  welcomed() {
    if (this.greeted || this.at !== null) return true;
    try {
      return localStorage.getItem(this.readKey()) === this.data.version;
    } catch {
      return this.ownToday > 0;
    }
  },

  readKey() {
    return `cssim.read.${this.data.person}.${this.data.project}`;
  },

  welcome() {
    this.setCover("welcome", welcomeCover(this.page.mode, this.data, this.training.left));
  },

  markWelcomed() {
    this.greeted = true;
    try {
      localStorage.setItem(this.readKey(), this.data.version);
    } catch {
      return; // they are shown again next time
    }
  },

  // --- flag, zoom, break, and the states without a page ------------------------------------

  flag() {
    if (this.page.training) return this.say("This is a practice page; flags are for real ones.");
    const { card, focus } = flagCover((text, skip) => {
      this.uncover();
      if (skip) return this.commit("skip", { flag: text });
      this.remark = text;
      this.say("Flagged. Your remark goes with your answer.");
    }, this.remark ?? "", () => {
      this.uncover();
      this.remark = null;
      this.say("Your next answer to this page goes without a remark.");
    });
    this.setCover("flag", card);
    focus();
  },

  zoomByKey() {
    this.zoomedAt = performance.now();
    this.zoom(this.page.mode === "rank" ? this.ranking.active : 0);
  },

  zoom(place) {
    this.zoomed = place;
    this.setCover("zoom", zoomCover(this.page, place));
  },

  zoomNext() {
    this.zoomedAt = null;
    this.zoom((this.zoomed + 1) % this.page.candidates.length);
  },

  takeBreak() {
    const minutes = this.pace.breakDue(performance.now());
    this.setCover("break", breakCover({ minutes, given: this.sitting, waiting: this.outbox.waiting }));
  },

  showRest(state, problem) {
    this.page = null;
    this.paintedAt = null;
    this.root.dataset.state = state;
    this.root.dataset.lease = "";
    if (this.cover && !["rest", "feedback", "zoom", "flag"].includes(this.cover)) return; // they are reading
    const { sitting: given } = this;
    this.setCover("rest", restCover({ state, given, waiting: this.outbox.waiting, problem }));
    if (state === "finished") this.openAsked();
  },
};
