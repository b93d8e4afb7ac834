// The map: draws what Python made, tells Python which references a person has picked.
const NARROW = 620;
const CONFIG = { displayModeBar: false, responsive: true, scrollZoom: true, doubleClick: false };

class RegionMap {
  constructor(parent) {
    this.root = parent.querySelector(".cs-regions");
    this.plot = this.root.querySelector(".cs-plot");
    this.card = new Card();
    this.card.mount(this.root);
    this.mode = "lasso";
    this.version = null;
    this.picked = [];
    this.picks = false; // whether any selection was ever shown
    this.round = 0;
    this.root.querySelectorAll("button").forEach((button) => {
      button.addEventListener("click", () => this.press(button));
    });
    this.onKey = (event) => {
      if (event.key === "Escape" && this.root.matches(":hover, :focus-within")) this.pick([]);
    };
    window.addEventListener("keydown", this.onKey);
    this.watch = new ResizeObserver(() => this.resized());
    this.watch.observe(this.root);
  }

  async update(data, send) {
    this.data = data;
    this.send = send;
    this.root.querySelector("figcaption").textContent = data.alt;
    this.root.setAttribute("aria-label", data.alt);
    try {
      const library = await plotly(data.script);
      if (this.data !== data) return; // a newer one came while the script was loading
      this.library = library;
      await this.draw();
      this.root.querySelector(".cs-fault").textContent = "";
    } catch (error) {
      this.root.querySelector(".cs-fault").textContent = `The map cannot be drawn: ${error.message}.`;
    }
  }

  get narrow() {
    return this.root.clientWidth < NARROW;
  }

  async draw() {
    const { data } = this;
    const version = `${data.version} ${this.narrow}`;
    if (version !== this.version) {
      const started = performance.now();
      const figure = JSON.parse(data.figure);
      const layout = this.narrow ? JSON.parse(data.narrow) : figure.layout;
      const page = getComputedStyle(this.root).getPropertyValue("--st-background-color").trim();
      layout.paper_bgcolor = page || "#ffffff";
      layout.dragmode = this.mode;
      this.traces = drawable(figure.data);
      const first = this.version === null;
      this.version = version;
      await this.library.react(this.plot, this.traces, layout, CONFIG);
      if (first) this.listen();
      this.index();
      this.picked = [];
      this.root.dataset.drawn = (performance.now() - started).toFixed(0);
      this.root.dataset.version = data.version;
    }
    this.mark(data.selected);
  }

  // Which place each image has among the dots; the same in all panels.
  index() {
    this.dots = [];
    this.plot.data.forEach((trace, k) => trace.meta === "dots" && this.dots.push(k));
    this.rows = this.dots.map((k) => rowsOf(this.plot.data[k].customdata));
    this.place = new Map(this.rows[0].map((row, i) => [row[0], i]));
  }

  listen() {
    this.plot.on("plotly_hover", (event) => this.hover(event));
    this.plot.on("plotly_unhover", () => this.card.hide());
    this.plot.on("plotly_relayouting", () => this.card.hide());
    this.plot.on("plotly_click", (event) => this.click(event));
    this.plot.on("plotly_selected", (event) => event && this.enclosed(event));
    this.plot.addEventListener("mouseleave", () => this.card.hide());
  }

  imageOf(point) {
    const raw = point.customdata;
    return raw === undefined || raw === null ? null : Number(raw[0]);
  }

  hover({ points, event }) {
    const point = points.find((one) => this.imageOf(one) !== null);
    if (!point || !event) return;
    const id = this.imageOf(point);
    const panel = Math.max(0, this.dots.findIndex((k) => this.plot.data[k].xaxis === point.data.xaxis));
    const place = this.place.get(id);
    const row = place === undefined ? null : this.rows[panel][place];
    this.card.show(id, row ? note(row, this.data.points) : point.data.name, event.clientX, event.clientY);
  }

  click({ points, event }) {
    const ids = points.map((one) => this.imageOf(one)).filter((id) => this.place.has(id));
    if (!ids.length) return;
    const add = event && (event.shiftKey || event.ctrlKey || event.metaKey);
    if (!add) return this.pick(ids.slice(0, 1));
    const rest = this.picked.filter((id) => id !== ids[0]);
    this.pick(rest.length < this.picked.length ? rest : [...rest, ids[0]]);
  }

  enclosed({ points }) {
    const ids = new Set(points.map((one) => this.imageOf(one)).filter((id) => this.place.has(id)));
    this.pick([...ids]);
  }

  // Told each time, also where the same references are picked again after Python chose others.
  pick(ids) {
    const sorted = [...ids].sort((a, b) => a - b);
    this.mark(sorted);
    this.round += 1;
    this.send({ ids: sorted, round: this.round });
  }

  mark(ids) {
    const same = ids.length === this.picked.length && ids.every((id, i) => id === this.picked[i]);
    if (same && this.marked === this.version) return;
    if (!ids.length && !this.picks) {
      // A fresh figure of which nothing was ever picked is as it should be; drawing it again is slow.
      this.marked = this.version;
      this.root.dataset.picked = 0;
      return;
    }
    this.picks = true;
    this.picked = [...ids];
    this.marked = this.version;
    const places = ids.map((id) => this.place.get(id)).filter((place) => place !== undefined);
    const chosen = places.length ? places : null;
    this.library.restyle(this.plot, { selectedpoints: this.dots.map(() => chosen) }, this.dots);
    if (!ids.length && (this.plot.layout.selections || []).length) {
      this.library.relayout(this.plot, { selections: [] });
    }
    this.root.dataset.picked = ids.length;
  }

  press(button) {
    const { mode, save } = button.dataset;
    if (!this.library) return;
    if (mode) {
      this.mode = mode;
      this.root.querySelectorAll("[data-mode]").forEach((one) => {
        one.setAttribute("aria-pressed", String(one.dataset.mode === mode));
      });
      this.library.relayout(this.plot, { dragmode: mode });
    } else if (save) {
      const { offsetWidth: width, offsetHeight: height } = this.plot;
      this.library.downloadImage(this.plot, { format: save, filename: this.data.stem, width, height, scale: 2 });
    } else if (button.dataset.do === "home") {
      this.library.relayout(this.plot, { "xaxis.autorange": true, "yaxis.autorange": true });
    } else {
      this.pick([]);
    }
  }

  resized() {
    if (this.library && this.version && this.version !== `${this.data.version} ${this.narrow}`) this.draw();
  }

  close() {
    window.removeEventListener("keydown", this.onKey);
    this.watch.disconnect();
    this.card.close();
    if (this.library) this.library.purge(this.plot);
  }
}

// customdata as rows: Python packs arrays of numbers as base64 with a shape.
const KINDS = { f8: Float64Array, f4: Float32Array, i4: Int32Array, i8: BigInt64Array };

function rowsOf(data) {
  if (!data) return [];
  if (!data.bdata) return Array.from(data, (row) => (ArrayBuffer.isView(row) ? Array.from(row) : row));
  const bytes = Uint8Array.from(atob(data.bdata), (letter) => letter.charCodeAt(0));
  const flat = new KINDS[data.dtype](bytes.buffer);
  const width = Number(String(data.shape).split(",")[1] || 1);
  const rows = new Array(flat.length / width);
  for (let i = 0; i < rows.length; i++) {
    rows[i] = Array.from(flat.subarray(i * width, (i + 1) * width), Number);
  }
  return rows;
}

function note([, triples, value], points) {
  const share = points ? `${(100 * value).toFixed(1)} points` : `${(100 * value).toFixed(1)} %`;
  return `${share} shrunk · ${triples} ${triples === 1 ? "triple" : "triples"}`;
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
