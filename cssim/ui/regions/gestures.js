// What a pointer does on the plot: lasso, box, move, zoom, hover, click; two fingers pinch.
const STILL = 4; // pixels up to which a press is a click

class Gestures {
  // asks: { at(x, y) -> panel or -1, mode, narrow }; tells: hover, leave, click, drawn, moved,
  // zoomed, outlined, finished.
  constructor(surface, map) {
    this.surface = surface;
    this.map = map;
    this.down = new Map();
    this.path = null;
    const on = (name, act) => surface.addEventListener(name, act.bind(this));
    on("pointerdown", this.press);
    on("pointermove", this.move);
    on("pointerup", this.release);
    on("pointercancel", this.cancel);
    on("pointerleave", () => this.map.leave());
    surface.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    on("keydown", this.key);
  }

  where(event) {
    const box = this.surface.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  press(event) {
    if (event.button) return;
    const at = this.where(event);
    this.down.set(event.pointerId, at);
    if (this.down.size === 2) {
      this.path = null;
      this.map.outlined(null);
      return;
    }
    const panel = this.map.at(...at);
    if (panel < 0) return;
    this.surface.setPointerCapture(event.pointerId);
    this.map.leave();
    this.path = { panel, points: [at], mode: this.map.mode, far: false };
  }

  move(event) {
    const at = this.where(event);
    const before = this.down.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") this.map.hover(...at, event);
      return;
    }
    if (this.down.size === 2) return this.pinch(event.pointerId, at);
    this.down.set(event.pointerId, at);
    const { path } = this;
    if (!path) return;
    const [start] = path.points;
    path.far ||= Math.hypot(at[0] - start[0], at[1] - start[1]) > STILL;
    if (!path.far) return;
    if (path.mode === "pan") return this.map.moved(path.panel, at[0] - before[0], at[1] - before[1]);
    if (path.mode === "lasso") path.points.push(at);
    else path.points = [start, at];
    this.map.outlined(path.panel, corners(path));
  }

  pinch(moving, at) {
    const [still] = [...this.down].filter(([id]) => id !== moving).map(([, place]) => place);
    const before = this.down.get(moving);
    this.down.set(moving, at);
    const apart = (one) => Math.max(20, Math.hypot(one[0] - still[0], one[1] - still[1]));
    this.map.scaled(...still, apart(before) / apart(at));
  }

  release(event) {
    const at = this.where(event);
    this.down.delete(event.pointerId);
    const { path } = this;
    this.path = null;
    if (!path) return;
    if (!path.far) return this.map.click(...at, event);
    if (path.mode === "pan") return;
    this.map.finished(path.mode, path.panel, corners(path), event);
  }

  cancel(event) {
    this.down.delete(event.pointerId);
    this.path = null;
    this.map.outlined(null);
  }

  wheel(event) {
    const at = this.where(event);
    if (this.map.at(...at) < 0) return;
    event.preventDefault();
    this.map.leave();
    const pixels = event.deltaMode === 1 ? 16 * event.deltaY : event.deltaY;
    this.map.scaled(...at, Math.exp(Math.max(-0.4, Math.min(0.4, pixels / 400))));
  }

  // With the keyboard: arrows move, plus and minus zoom, 0 shows the whole.
  key(event) {
    const step = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
    const scale = { "+": 0.8, "=": 0.8, "-": 1.25 }[event.key];
    if (step) this.map.moved(0, ...step);
    else if (scale) this.map.scaledAll(scale);
    else if (event.key === "0") this.map.home();
    else return;
    event.preventDefault();
  }
}

// A box is its four corners.
function corners({ mode, points }) {
  if (mode === "lasso") return points;
  const [[x0, y0], [x1, y1]] = points;
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

// Whether a point lies within a polygon: a ray to the right crosses its sides an odd number of times.
function within(x, y, polygon) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [xi, yi] = polygon[i];
    const [xj, yj] = polygon[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}
