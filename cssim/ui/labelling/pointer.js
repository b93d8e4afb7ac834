/* Mouse and finger on a picture: a tap answers, holding zooms, dragging rates or puts in order. */

const HOLD = 450; // ms until holding still zooms
const GHOST = 700; // ms after a tap within which its click comes
const DOUBLE = 400; // ms between the halves of a double tap, at most
const SAME_PLACE = 40; // px between them, at most
const TAPPED = "[data-do], [data-key], [data-place]"; // what a tap acts on
const SLACK = { mouse: 6, touch: 12, pen: 10 }; // px that a still hand moves

/** Methods of `Labelling`. */
const POINTER = {
  listenToPointer(signal) {
    const on = (name, act) => this.root.addEventListener(name, act, { signal });
    on("pointerdown", (event) => this.pointerDown(event));
    on("pointermove", (event) => this.pointerMove(event));
    on("pointerup", (event) => this.pointerUp(event));
    on("pointercancel", () => this.letGo());
    on("contextmenu", (event) => event.target.closest("[data-zoom]") && event.preventDefault());
    on("dragstart", (event) => event.preventDefault());
    this.root.addEventListener("click", (event) => this.ghostClick(event), { capture: true, signal });
  },

  /** A tap counts when the finger is lifted: browsers leave out the click behind a fast drag. */
  tapAt(event) {
    const { touched } = this;
    this.touched = null;
    if (!touched || touched.pointerId !== event.pointerId || this.tapBlocked) return;
    if (Math.hypot(event.clientX - touched.x, event.clientY - touched.y) > SLACK.touch) return;
    const { x, y } = this.tapped ?? { x: -Infinity, y: -Infinity };
    const near = Math.hypot(event.clientX - x, event.clientY - y) < SAME_PLACE;
    const soon = event.timeStamp - (this.tappedAt ?? -Infinity) < DOUBLE;
    this.tappedAt = event.timeStamp;
    this.tapped = { x: event.clientX, y: event.clientY };
    if (near && soon && this.answeredByFirst()) return;
    this.activate(touched.target, event);
  },

  /** The click that follows a tap which has counted already. */
  ghostClick(event) {
    if (event.detail === 0 || this.tappedAt === undefined || event.timeStamp - this.tappedAt > GHOST) return;
    event.stopImmediatePropagation();
    event.preventDefault();
  },

  pointerDown(event) {
    this.tapBlocked = false;
    if (event.pointerType === "touch" && event.isPrimary && event.target.closest(TAPPED)) {
      this.touched = { target: event.target, x: event.clientX, y: event.clientY, pointerId: event.pointerId };
    }
    const tile = event.target.closest("[data-zoom]");
    if (!tile || event.button !== 0 || !event.isPrimary || !this.settled || this.cover) return;
    const place = Number(tile.dataset.zoom);
    const { clientX: x, clientY: y, pointerId, pointerType } = event;
    this.held = { tile, place, x, y, pointerId, slack: SLACK[pointerType] ?? 8, moving: false };
    this.holdTimer = setTimeout(() => this.holdZoom(place), HOLD);
  },

  holdZoom(place) {
    if (!this.held || this.held.moving) return;
    this.held = null;
    this.zoom(Math.max(0, place));
    this.zoomHeld = true;
    this.tapBlocked = true;
  },

  pointerMove(event) {
    const { held } = this;
    if (!held || event.pointerId !== held.pointerId) return;
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    if (!held.moving) {
      if (Math.hypot(dx, dy) < held.slack) return;
      clearTimeout(this.holdTimer);
      if (!this.page || this.page.mode !== "rank" || held.place < 0) return this.letGo();
      held.moving = true;
      this.tapBlocked = true;
      this.root.setPointerCapture(held.pointerId);
      this.root.dataset.dragging = "yes";
      held.tile.classList.add("dragged");
      // It shrinks round the pointer, so that what it is dropped on can be seen.
      const box = held.tile.getBoundingClientRect();
      held.scale = Math.min(1, 150 / Math.max(box.width, box.height));
      held.tile.style.transformOrigin = `${held.x - box.x}px ${held.y - box.y}px`;
    }
    held.tile.style.transform = `translate(${dx}px, ${dy}px) scale(${held.scale})`;
    this.markTarget(this.targetAt(event));
  },

  /** The class button or the other picture below the pointer, or null. */
  targetAt(event) {
    const tree = this.root.getRootNode();
    for (const element of tree.elementsFromPoint(event.clientX, event.clientY)) {
      const found = element.closest(".answers [data-key], [data-place]");
      if (found && found !== this.held.tile) return found;
    }
    return null;
  },

  markTarget(target) {
    for (const element of this.root.querySelectorAll(".target")) {
      if (element !== target) element.classList.remove("target");
    }
    target?.classList.add("target");
  },

  pointerUp(event) {
    if (this.zoomHeld) {
      this.zoomHeld = false;
      return this.leaveCover();
    }
    const { held } = this;
    const target = held?.moving ? this.targetAt(event) : null;
    this.letGo();
    if (!held?.moving) this.tapAt(event);
    if (!target) return;
    this.pressedAt = event.timeStamp;
    this.drop(held.place, target);
  },

  drop(place, target) {
    if (!this.page || this.page.mode !== "rank") return;
    const { ranking } = this;
    const key = target.dataset.key;
    if (target.dataset.place !== undefined) ranking.drag(place, ranking.line.indexOf(Number(target.dataset.place)));
    else if (key >= "1" && key <= "5") ranking.rate(Number(key), place);
    else if (ranking.pair && ranking.pair.includes(place)) ranking.decide(ranking.pair.indexOf(place));
    this.rated();
  },

  letGo() {
    clearTimeout(this.holdTimer);
    if (this.zoomHeld) {
      this.zoomHeld = false;
      this.leaveCover();
    }
    if (!this.held) return;
    const { tile, pointerId } = this.held;
    tile.style.transform = tile.style.transformOrigin = "";
    tile.classList.remove("dragged");
    if (this.root.hasPointerCapture(pointerId)) this.root.releasePointerCapture(pointerId);
    delete this.root.dataset.dragging;
    this.markTarget(null);
    this.held = null;
  },
};
