// The map: paints what Python made, tells Python which references a person has picked.
const BROUGHT = "cssim-regions-brought"; // as in bring.js
const NARROW = 620;
const NEAR = 14; // pixels between the pointer and the dot it means

class RegionMap extends Sight {
  constructor(parent) {
    super();
    this.root = parent.querySelector(".cs-regions");
    this.root.map = this; // where dots lie on the screen is asked here: `placed`
    this.plot = this.root.querySelector(".cs-plot");
    this.surface = this.plot.querySelector("canvas");
    this.furniture = this.plot.querySelector(".csm-furniture");
    this.painter = new Painter(this.surface);
    this.card = new Card();
    this.card.mount(this.root);
    this.gestures = new Gestures(this.surface, this);
    this.hidden = new Set();
    this.version = null;
    this.picked = [];
    this.round = 0;
    this.root.querySelectorAll(".cs-tools button").forEach((button) => {
      button.addEventListener("click", () => this.press(button));
    });
    // A finger that moves over a phone scrolls the page unless a person wants a lasso.
    this.choose(matchMedia("(pointer: coarse)").matches ? "pan" : "lasso");
    this.onKey = (event) => {
      if (event.key === "Escape" && this.root.matches(":hover, :focus-within")) this.pick([]);
    };
    window.addEventListener("keydown", this.onKey);
    this.watch = new ResizeObserver(() => this.resized());
    this.watch.observe(this.root);
    this.onFigure = () => this.follow();
    document.addEventListener(BROUGHT, this.onFigure);
  }

  update(data, send) {
    this.data = data;
    this.send = send;
    this.root.querySelector("figcaption").textContent = data.alt;
    this.root.setAttribute("aria-label", data.alt);
    this.follow();
  }

  // Figure and picked references come by themselves, before or after what is said of them.
  follow() {
    const { shown, selected } = window[BROUGHT] ?? {};
    if (!this.data || shown?.version !== this.data.version) return;
    try {
      if (this.version !== shown.version) this.read(shown);
      if (selected) this.mark(selected);
      this.say("");
    } catch (error) {
      this.say(`The map cannot be drawn: ${error.message}.`);
    }
  }

  say(fault) {
    this.root.querySelector(".cs-fault").textContent = fault;
  }

  read({ figure, narrow, version }) {
    const started = performance.now();
    const wire = JSON.parse(figure);
    const plane = wire.layout.uirevision;
    this.layouts = { wide: wire.layout, narrow: JSON.parse(narrow) };
    this.scene = new Scene(wire);
    if (plane !== this.plane) this.view = null; // another plane is seen whole
    this.plane = plane;
    this.version = version;
    this.picked = this.picked.filter((id) => this.scene.place.has(id));
    this.count();
    this.arrange();
    this.root.dataset.drawn = (performance.now() - started).toFixed(0);
    this.root.dataset.version = version;
  }

  get layout() {
    return this.width < NARROW ? this.layouts.narrow : this.layouts.wide;
  }

  arrange() {
    this.width = this.root.clientWidth;
    if (!this.width) return; // hidden; `resized` comes back to it
    this.plot.style.height = `${this.layout.height}px`;
    this.boxes = boxesOf(this.layout, this.scene, this.width);
    furnish(this.furniture, this.layout, this.scene, this.boxes, this.hidden, (name) => this.toggle(name));
    this.paint();
  }

  // Colours of the page, and what is picked, hidden and drawn round.
  look() {
    const style = getComputedStyle(this.root);
    const mask = this.picked.length ? new Uint8Array(this.scene.x.length) : null;
    this.picked.forEach((id) => (mask[this.scene.place.get(id)] = 1));
    return {
      page: style.getPropertyValue("--st-background-color").trim() || "#ffffff",
      line: style.getPropertyValue("--st-border-color").trim() || "#cccccc",
      ink: style.getPropertyValue("--st-text-color").trim() || style.color, family: style.fontFamily, picked: mask, hidden: this.hidden, outline: this.outline,
    };
  }

  paint() {
    const ratio = window.devicePixelRatio || 1;
    this.ends = this.view ?? this.scene.whole(this.boxes[0].width, this.boxes[0].height);
    this.painter.paint(this.scene, this.boxes, this.ends, this.look(), this.width, this.layout.height, ratio);
  }

  // Many moves within one frame are painted once.
  later() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = null;
      if (this.boxes) this.paint();
    });
  }

  // The reference or sign that lies nearest to a place on the plot.
  nearest(x, y, reach) {
    const panel = this.at(x, y);
    if (panel < 0) return null;
    const place = this.place(panel);
    let [best, found] = [reach * reach, null];
    const look = (xs, ys, make) => {
      for (let i = 0; i < xs.length; i++) {
        const [dx, dy] = [place.x(xs[i]) - x, place.y(ys[i]) - y];
        const away = dx * dx + dy * dy;
        if (away < best) [best, found] = [away, make(i)];
      }
    };
    look(this.scene.x, this.scene.y, (i) => ({ id: this.scene.image[i], panel, index: i }));
    for (const mark of this.scene.marks) {
      if (!SHAPES[mark.symbol] || this.hidden.has(mark.name) || !mark.image.length) continue;
      look(mark.x, mark.y, (i) => ({ id: mark.image[i], panel, index: this.scene.place.get(mark.image[i]), name: mark.name }));
    }
    return found;
  }

  hover(x, y, event) {
    const found = this.nearest(x, y, NEAR);
    this.surface.style.cursor = found ? "pointer" : "";
    if (!found) return this.card.hide();
    const known = found.index !== undefined;
    const value = known ? this.scene.panels[found.panel].value[found.index] : 0;
    const text = known ? note(this.scene.triples[found.index], value, this.data.points) : found.name;
    this.card.show(found.id, text, event.clientX, event.clientY);
  }

  leave() {
    this.card.hide();
  }

  click(x, y, event) {
    const found = this.nearest(x, y, event.pointerType === "touch" ? 2 * NEAR : NEAR);
    if (!found || !this.scene.place.has(found.id)) return;
    if (event.pointerType === "touch") this.hover(x, y, event);
    this.outline = null;
    if (!(event.shiftKey || event.ctrlKey || event.metaKey)) return this.pick([found.id]);
    const rest = this.picked.filter((id) => id !== found.id);
    this.pick(rest.length < this.picked.length ? rest : [...rest, found.id]);
  }

  outlined(panel, corners) {
    this.outline = panel === null ? null : this.kept(panel, corners);
    this.later();
  }

  // With shift what lies inside is added to what is picked, with alt it is taken away.
  finished(mode, panel, corners, event) {
    const { points } = this.kept(panel, corners);
    if (mode === "zoom") {
      this.outline = null;
      return this.into(points);
    }
    const { x, y, image } = this.scene;
    const inside = new Set(Array.from(image).filter((_, i) => within(x[i], y[i], points)));
    this.outline = this.kept(panel, corners);
    if (event.altKey) return this.pick(this.picked.filter((id) => !inside.has(id)));
    this.pick(event.shiftKey ? [...new Set([...this.picked, ...inside])] : [...inside]);
  }

  // Told each time, also where the same references are picked again after Python chose others.
  pick(ids) {
    const sorted = [...ids].sort((a, b) => a - b);
    if (!sorted.length) this.outline = null;
    this.mark(sorted);
    this.round += 1;
    this.send({ ids: sorted, round: this.round });
  }

  mark(ids) {
    const there = ids.filter((id) => this.scene.place.has(id));
    const same = there.length === this.picked.length && there.every((id, i) => id === this.picked[i]);
    this.root.dataset.picked = ids.length;
    if (same) return;
    if (!there.length) this.outline = null;
    this.picked = there;
    this.count();
    if (this.boxes) this.paint();
  }

  // Said at once; the table beside the map, with intervals, comes from Python.
  count() {
    const { scene, picked } = this;
    let [triples, right] = [0, 0];
    for (const id of picked) {
      const i = scene.place.get(id);
      triples += scene.triples[i];
      right += scene.triples[i] * (scene.raw[i] ?? 0);
    }
    const mean = scene.raw.length ? `: ${share(right / triples, this.data.points)}` : "";
    const text = `${counted(picked.length, "reference")}, ${counted(triples, "triple")}${mean}`;
    this.root.querySelector(".cs-count").textContent = picked.length ? text : "";
  }

  toggle(name) {
    if (!this.hidden.delete(name)) this.hidden.add(name);
    this.arrange();
  }

  choose(mode) {
    this.mode = mode;
    this.surface.style.touchAction = mode === "pan" ? "pan-y" : "none";
    this.root.querySelectorAll("[data-mode]").forEach((one) => {
      one.setAttribute("aria-pressed", String(one.dataset.mode === mode));
    });
  }

  press(button) {
    const { mode, save } = button.dataset;
    if (mode) this.choose(mode);
    if (!this.scene) return;
    if (save) this.save(save);
    else if (button.dataset.do === "home") this.home();
    else if (button.dataset.do === "clear") this.pick([]);
  }

  async save(format) {
    try {
      await saved(this, format);
      this.say("");
    } catch (error) {
      this.say(`The map cannot be saved: ${error.message}.`);
    }
  }

  resized() {
    if (this.scene && this.root.clientWidth && this.root.clientWidth !== this.width) this.arrange();
  }

  close() {
    window.removeEventListener("keydown", this.onKey);
    document.removeEventListener(BROUGHT, this.onFigure);
    this.watch.disconnect();
    this.card.close();
    cancelAnimationFrame(this.asked);
  }
}

function note(triples, value, points) {
  return `${share(value, points)} shrunk · ${counted(triples, "triple")}`;
}

function share(value, points) {
  const percent = 100 * value;
  // Halves go to the even digit, as Python writes them in the table: 56.25 is 56.2.
  const even = Math.abs(percent) % 1 === 0.25 ? percent - 0.05 * Math.sign(percent) : percent;
  return `${even.toFixed(1)} ${points ? "points" : "%"}`;
}

function counted(number, one) {
  return `${number.toLocaleString("en-US")} ${one}${number === 1 ? "" : "s"}`;
}

const MAPS = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  if (!MAPS.has(parentElement)) MAPS.set(parentElement, new RegionMap(parentElement));
  MAPS.get(parentElement).update(data, (picked) => setTriggerValue("picked", picked));
  return () => {
    MAPS.get(parentElement)?.close();
    MAPS.delete(parentElement);
  };
}
