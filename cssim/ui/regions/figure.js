// What Python drew, read from plotly's JSON into typed arrays that are quick to paint.
const KINDS = {
  f8: Float64Array, f4: Float32Array, i4: Int32Array, i2: Int16Array, i1: Int8Array,
  u4: Uint32Array, u2: Uint16Array, u1: Uint8Array,
};

// Python packs arrays of numbers as base64 with their type.
function numbers(packed) {
  if (packed === undefined || packed === null) return [];
  if (!packed.bdata) return Float64Array.from(packed);
  const letters = atob(packed.bdata);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  return new KINDS[packed.dtype](bytes.buffer);
}

// "#rrggbb" or "rgba(r,g,b,a)" as [r, g, b, opacity].
function colour(text) {
  if (text.startsWith("#")) {
    return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16)).concat(1);
  }
  const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
  return [r, g, b, a];
}

// Three bytes of colour for each value; between two stops of the scale colours change evenly.
function coloured(values, low, high, scale) {
  const at = scale.map(([place]) => place);
  const stops = scale.map(([, text]) => colour(text));
  const found = new Uint8Array(3 * values.length);
  for (let i = 0; i < values.length; i++) {
    const where = Math.min(1, Math.max(0, (values[i] - low) / (high - low)));
    let k = 1;
    while (k < at.length - 1 && at[k] < where) k++;
    const share = (where - at[k - 1]) / (at[k] - at[k - 1]);
    const one = stops[k - 1];
    const other = stops[k];
    found[3 * i] = one[0] + share * (other[0] - one[0]) + 0.5;
    found[3 * i + 1] = one[1] + share * (other[1] - one[1]) + 0.5;
    found[3 * i + 2] = one[2] + share * (other[2] - one[2]) + 0.5;
  }
  return found;
}

// One number for all, or one for each.
function each(value, count) {
  return typeof value === "number" ? new Float32Array(count).fill(value) : numbers(value);
}

// Later panels lack what they have in common with the first one.
function completed(traces) {
  const first = traces.find((trace) => trace.meta === "dots");
  return traces.map((trace) =>
    trace.meta === "dots" && trace !== first
      ? { ...first, ...trace, marker: { ...first.marker, colorbar: undefined, ...trace.marker } }
      : trace,
  );
}

class Scene {
  constructor(wire) {
    this.traces = completed(wire.data);
    this.image = numbers(wire.image);
    this.triples = numbers(wire.triples);
    this.raw = numbers(wire.raw);
    this.place = new Map();
    this.image.forEach((id, i) => this.place.set(id, i));
    const dots = this.traces.filter((trace) => trace.meta === "dots");
    const [first] = dots;
    this.x = numbers(first.x);
    this.y = numbers(first.y);
    this.panels = dots.map((trace, k) => this.panel(trace, numbers(wire.values[k])));
    const marks = this.traces.filter((trace) => trace.meta === "mark" && trace.xaxis === "x");
    this.marks = marks.map((trace) => ({
      name: trace.name, x: numbers(trace.x), y: numbers(trace.y), image: numbers(trace.customdata),
      text: trace.text || [], symbol: trace.marker.symbol, colour: trace.marker.color,
      radius: trace.marker.size / 2, width: trace.marker.line.width,
    }));
    this.bar = first.marker.colorbar ? { ...first.marker.colorbar, scale: first.marker.colorscale,
      low: first.marker.cmin, high: first.marker.cmax } : null;
    this.least = Math.max(...this.panels.map((panel) => panel.size.reduce((a, b) => Math.max(a, b), 0)));
  }

  panel(trace, value) {
    const { marker } = trace;
    const count = value.length;
    const beneath = this.traces.find((one) => one.meta === "map" && one.xaxis === trace.xaxis);
    return {
      value,
      rgb: coloured(numbers(marker.color), marker.cmin, marker.cmax, marker.colorscale),
      size: each(marker.size, count),
      opacity: each(marker.opacity, count),
      rim: marker.line.width,
      rimColour: colour(marker.line.color),
      map: beneath ? cells(beneath) : null,
    };
  }

  // Ends of both axes with room for the largest dot at the border.
  whole(width, height) {
    const span = (values, pixels) => {
      let [low, high] = [Infinity, -Infinity];
      for (const value of values) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
      const room = ((high - low || 1) * (this.least / 2 + 3)) / Math.max(40, pixels - this.least - 6);
      return [low - room, high + room];
    };
    return { x: span(this.x, width), y: span(this.y, height) };
  }
}

function cells(trace) {
  const z = numbers(trace.z);
  const across = numbers(trace.x);
  return {
    across, up: numbers(trace.y), columns: across.length - 1, opacity: trace.opacity, z,
    rgb: coloured(z, trace.zmin, trace.zmax, trace.colorscale),
  };
}
