// Dots and maps as pixels. Thousands of small dots are quicker set pixel by pixel than drawn by
// WebGL in software, and look the same on every machine.
const FADED = 0.2; // what is left of a dot's opacity when others are picked
const SHAPES = { "star-diamond": 4, star: 5 };

class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
  }

  // boxes: places of the panels in CSS pixels; view: ends of both axes; look: what else shows.
  paint(scene, boxes, view, look, width, height, ratio) {
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) {
      Object.assign(this.canvas, { width: w, height: h });
      this.pixels = null;
    }
    this.pixels ??= this.context.createImageData(w, h);
    const page = colour(look.page);
    new Uint32Array(this.pixels.data.buffer).fill(packed(page));
    boxes.forEach((box, k) => {
      const place = new Place(box, view, ratio);
      if (scene.panels[k].map) this.map(scene.panels[k].map, place, page);
      this.dots(scene, scene.panels[k], place, look);
      for (const mark of scene.marks) {
        if (!SHAPES[mark.symbol] && !look.hidden.has(mark.name)) this.rings(mark, place, look);
      }
    });
    this.context.putImageData(this.pixels, 0, 0);
    boxes.forEach((box, k) => this.over(scene, new Place(box, view, ratio), look, k));
  }

  // Which cell lies under each column and each row of pixels is found once for all of them.
  map(map, place, page) {
    const columns = under(map.across, place.left, place.right, (at) => place.dataX(at + 0.5));
    const rows = under(map.up, place.top, place.bottom, (at) => place.dataY(at + 0.5));
    const tones = tonesOf(map, page);
    const target = new Uint32Array(this.pixels.data.buffer);
    for (let y = place.top; y < place.bottom; y++) {
      const row = rows[y - place.top];
      if (row < 0) continue;
      const start = y * this.pixels.width;
      for (let x = place.left; x < place.right; x++) {
        const column = columns[x - place.left];
        const tone = column < 0 ? 0 : tones[row * map.columns + column];
        if (tone) target[start + x] = tone;
      }
    }
  }

  // Picked dots lie above the others.
  dots(scene, panel, place, { picked }) {
    for (const second of picked ? [false, true] : [true]) {
      for (let i = 0; i < scene.x.length; i++) {
        if (picked && Boolean(picked[i]) !== second) continue;
        const alpha = panel.opacity[i] * (second ? 1 : FADED);
        this.dot(place, place.x(scene.x[i]), place.y(scene.y[i]), panel.size[i] / 2, panel.rgb, 3 * i,
          alpha, panel.rim, panel.rimColour, alpha * panel.rimColour[3]);
      }
    }
  }

  rings(mark, place) {
    const tone = colour(mark.colour);
    for (let i = 0; i < mark.x.length; i++) {
      this.dot(place, place.x(mark.x[i]), place.y(mark.y[i]), mark.radius, tone, 0, 0, mark.width, tone, 1);
    }
  }

  // A disc and the line around it, with soft edges; radius and rim are in CSS pixels.
  dot(place, cx, cy, cssRadius, rgb, at, alpha, cssRim, line, lineAlpha) {
    const radius = cssRadius * place.ratio;
    const half = (cssRim * place.ratio) / 2;
    const reach = radius + half + 0.5;
    const left = Math.max(place.left, Math.floor(cx - reach));
    const right = Math.min(place.right, Math.ceil(cx + reach));
    const top = Math.max(place.top, Math.floor(cy - reach));
    const bottom = Math.min(place.bottom, Math.ceil(cy + reach));
    const { data, width } = this.pixels;
    const [r, g, b] = [rgb[at], rgb[at + 1], rgb[at + 2]];
    for (let y = top; y < bottom; y++) {
      const dy = y + 0.5 - cy;
      for (let x = left; x < right; x++) {
        const dx = x + 0.5 - cx;
        const away = Math.sqrt(dx * dx + dy * dy);
        if (away >= reach) continue;
        const i = 4 * (y * width + x);
        const disc = alpha * Math.min(1, Math.max(0, radius + 0.5 - away));
        if (disc > 0) {
          data[i] += (r - data[i]) * disc;
          data[i + 1] += (g - data[i + 1]) * disc;
          data[i + 2] += (b - data[i + 2]) * disc;
        }
        if (half <= 0) continue;
        const rim = Math.max(0, Math.min(1, radius + half + 0.5 - away, away - radius + half + 0.5));
        const share = lineAlpha * rim * Math.min(1, 2 * half);
        data[i] += (line[0] - data[i]) * share;
        data[i + 1] += (line[1] - data[i + 1]) * share;
        data[i + 2] += (line[2] - data[i + 2]) * share;
      }
    }
  }

  // Frame, signs with words, and the outline that is being drawn.
  over(scene, place, look, k) {
    const { context } = this;
    context.save();
    context.strokeStyle = look.line;
    context.lineWidth = place.ratio;
    const edge = place.ratio / 2;
    context.strokeRect(place.left + edge, place.top + edge, place.right - place.left - 2 * edge, place.bottom - place.top - 2 * edge);
    context.beginPath();
    context.rect(place.left, place.top, place.right - place.left, place.bottom - place.top);
    context.clip();
    for (const mark of scene.marks) {
      if (SHAPES[mark.symbol] && !look.hidden.has(mark.name)) this.signs(mark, place, look);
    }
    if (look.outline && (look.outline.panel === k || look.outline.all)) this.outline(look, place);
    context.restore();
  }

  signs(mark, place, { page, family }) {
    const { context } = this;
    context.fillStyle = mark.colour;
    context.strokeStyle = page; // a halo, for words on dots of their own colour
    context.lineWidth = 3 * place.ratio;
    context.lineJoin = "round";
    context.textAlign = "center";
    context.font = `${12 * place.ratio}px ${family}`;
    for (let i = 0; i < mark.x.length; i++) {
      const [cx, cy] = [place.x(mark.x[i]), place.y(mark.y[i])];
      star(context, cx, cy, mark.radius * place.ratio * 1.3, SHAPES[mark.symbol]);
      context.stroke();
      context.fill();
      if (!mark.text[i]) continue;
      const above = cy - (mark.radius + 5) * place.ratio;
      context.strokeText(mark.text[i], cx, above);
      context.fillText(mark.text[i], cx, above);
    }
  }

  outline({ outline, ink }, place) {
    const { context } = this;
    context.beginPath();
    outline.points.forEach(([x, y]) => context.lineTo(place.x(x), place.y(y)));
    context.closePath();
    context.setLineDash([2 * place.ratio, 3 * place.ratio]);
    context.strokeStyle = ink;
    context.lineWidth = 1.5 * place.ratio;
    context.stroke();
  }
}

// One panel on the canvas, in its own pixels.
class Place {
  constructor(box, view, ratio) {
    this.ratio = ratio;
    this.left = Math.round(box.left * ratio);
    this.right = Math.round((box.left + box.width) * ratio);
    this.top = Math.round(box.top * ratio);
    this.bottom = Math.round((box.top + box.height) * ratio);
    this.view = view;
    this.across = (this.right - this.left) / (view.x[1] - view.x[0]);
    this.up = (this.bottom - this.top) / (view.y[1] - view.y[0]);
  }

  x(value) { return this.left + (value - this.view.x[0]) * this.across; }

  y(value) { return this.bottom - (value - this.view.y[0]) * this.up; }

  dataX(at) { return this.view.x[0] + (at - this.left) / this.across; }

  dataY(at) { return this.view.y[0] + (this.bottom - at) / this.up; }
}

// Index of the cell at each pixel from one to another, -1 beyond the edges (which rise).
function under(edges, from, to, value) {
  const found = new Int32Array(Math.max(0, to - from));
  for (let i = 0; i < found.length; i++) {
    const at = value(from + i);
    let [low, high] = [0, edges.length - 1];
    if (!(at >= edges[0] && at <= edges[high])) { found[i] = -1; continue; }
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (edges[middle] <= at) low = middle; else high = middle;
    }
    found[i] = low;
  }
  return found;
}

// Each cell's colour on this page as four bytes; 0 where it is empty. Kept for the next paint.
function tonesOf(map, page) {
  const key = packed(page);
  if (map.tonesOn !== key) {
    map.tonesOn = key;
    map.tones = new Uint32Array(map.z.length);
    const mixed = [0, 0, 0];
    for (let i = 0; i < map.tones.length; i++) {
      if (Number.isNaN(map.z[i])) continue;
      for (let c = 0; c < 3; c++) mixed[c] = page[c] + (map.rgb[3 * i + c] - page[c]) * map.opacity + 0.5;
      map.tones[i] = packed(mixed);
    }
  }
  return map.tones;
}

// Four bytes as the canvas stores them; never 0, which stands for nothing.
function packed([r, g, b]) {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

function star(context, cx, cy, radius, spikes) {
  context.beginPath();
  for (let i = 0; i < 2 * spikes; i++) {
    const angle = (Math.PI * i) / spikes - Math.PI / 2;
    const away = i % 2 ? radius * 0.5 : radius;
    context.lineTo(cx + away * Math.cos(angle), cy + away * Math.sin(angle));
  }
  context.closePath();
}
