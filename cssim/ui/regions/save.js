// Pictures of the map to take away: as SVG every dot is a shape and each map an image of its cells;
// as PNG the dots are painted as on the screen, three times as large.
const LARGER = 3;
const WORDS = { title: 11.5, note: 11.5, axis: 12.5, tick: 11.2, unit: 12, legend: 12.5 }; // pixels

async function saved(map, format) {
  const { scene, look } = onWhite(map);
  const file = format === "svg" ? new Blob([svgOf(map, scene, look)], { type: "image/svg+xml" }) : await pngOf(map, scene, look);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = `${map.data.stem}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// As on the screen, a dark page's colours replaced by those of a white one.
function onWhite(map) {
  const look = { ...map.look(), outline: null };
  const { page } = look;
  for (const name of ["page", "line", "ink"]) look[name] = map.data.print[look[name]] ?? look[name];
  if (look.page === page) return { scene: map.scene, look };
  let { figure } = window[BROUGHT].shown;
  for (const [dark, light] of Object.entries(map.data.print)) figure = figure.replaceAll(`"${dark}"`, `"${light}"`);
  return { scene: new Scene(JSON.parse(figure)), look };
}

function pngOf(map, scene, look) {
  const canvas = document.createElement("canvas");
  const painter = new Painter(canvas);
  painter.paint(scene, map.boxes, map.ends, look, map.width, map.layout.height, LARGER);
  const { context } = painter;
  context.scale(LARGER, LARGER);
  const { texts, bar, signs } = around(map, scene, look.family, context);
  if (bar) {
    const shades = context.createLinearGradient(0, bar.y + bar.height, 0, bar.y);
    bar.scale.forEach(([at, tone]) => shades.addColorStop(at, tone));
    context.fillStyle = shades;
    context.fillRect(bar.x, bar.y, bar.width, bar.height);
  }
  for (const sign of signs) {
    context.beginPath();
    if (sign.spikes) star(context, sign.x, sign.y, 7, sign.spikes);
    else context.arc(sign.x, sign.y, 5, 0, 2 * Math.PI);
    Object.assign(context, { fillStyle: sign.colour, strokeStyle: sign.colour, lineWidth: 1.6 });
    if (sign.spikes) context.fill();
    else context.stroke();
  }
  for (const one of texts) {
    context.save();
    context.translate(one.x, one.y);
    if (one.upright) context.rotate(-Math.PI / 2);
    Object.assign(context, { font: fontOf(one, look.family), fillStyle: look.ink, textAlign: one.align });
    context.fillText(one.text, 0, 0);
    context.restore();
  }
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large"))));
  });
}

function svgOf(map, scene, look) {
  const { boxes, ends, width, layout } = map;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${layout.height}" ` +
      `viewBox="0 0 ${width} ${layout.height}" font-family="${plain(look.family)}">`,
    `<title>${plain(map.data.stem)}</title><desc>${plain(map.data.alt)}</desc>`,
    `<rect width="100%" height="100%" fill="${look.page}"/>`,
  ];
  boxes.forEach((box, k) => {
    const area = `x="${short(box.left)}" y="${short(box.top)}" width="${short(box.width)}" height="${short(box.height)}"`;
    const place = new Place(box, ends, 1);
    parts.push(`<clipPath id="panel${k}"><rect ${area}/></clipPath><g clip-path="url(#panel${k})">`);
    if (scene.panels[k].map) parts.push(cellsOf(scene.panels[k].map, place, look.page));
    parts.push(...circles(scene, scene.panels[k], place, look));
    for (const mark of scene.marks) if (!look.hidden.has(mark.name)) parts.push(...marksOf(mark, place, look));
    parts.push(`</g><rect ${area} fill="none" stroke="${look.line}"/>`);
  });
  const { texts, bar, signs } = around(map, scene, look.family, map.painter.context);
  if (bar) {
    const stops = bar.scale.map(([at, tone]) => `<stop offset="${at}" stop-color="${tone}"/>`).join("");
    parts.push(`<linearGradient id="bar" x1="0" y1="1" x2="0" y2="0">${stops}</linearGradient>`);
    parts.push(`<rect x="${bar.x}" y="${bar.y}" width="${bar.width}" height="${bar.height}" fill="url(#bar)"/>`);
  }
  parts.push(...signs.map((sign) => signOf(sign, 7, 5)));
  for (const one of texts) {
    const turn = one.upright ? ` transform="rotate(-90 ${short(one.x)} ${short(one.y)})"` : "";
    const anchor = { left: "start", center: "middle", right: "end" }[one.align];
    parts.push(
      `<text x="${short(one.x)}" y="${short(one.y)}"${turn} font-size="${one.size}" fill="${look.ink}" ` +
        `text-anchor="${anchor}"${one.bold ? ' font-weight="600"' : ""}>${plain(one.text)}</text>`,
    );
  }
  return `${parts.join("\n")}\n</svg>\n`;
}

// Picked dots last, as on the screen. A dot's opacity holds for its rim, too.
function circles(scene, panel, place, { picked }) {
  const rim = panel.rim ? ` stroke="rgb(${panel.rimColour.slice(0, 3)})" stroke-opacity="${panel.rimColour[3]}" stroke-width="${panel.rim}"` : "";
  const found = [`<g${rim}>`];
  for (const second of picked ? [false, true] : [true]) {
    for (let i = 0; i < scene.x.length; i++) {
      if (picked && Boolean(picked[i]) !== second) continue;
      const tone = `rgb(${panel.rgb.subarray(3 * i, 3 * i + 3)})`;
      const alpha = short(panel.opacity[i] * (second ? 1 : FADED));
      found.push(
        `<circle class="point" cx="${short(place.x(scene.x[i]))}" cy="${short(place.y(scene.y[i]))}" ` +
          `r="${short(panel.size[i] / 2)}" fill="${tone}" opacity="${alpha}"/>`,
      );
    }
  }
  return [...found, "</g>"];
}

// A map as an image with one pixel a cell; cells are of one size.
function cellsOf(map, place, page) {
  const rows = map.up.length - 1;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: map.columns, height: rows });
  const image = new ImageData(map.columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const tones = tonesOf(map, colour(page));
  for (let y = 0; y < rows; y++) {
    pixels.set(tones.subarray(y * map.columns, (y + 1) * map.columns), (rows - 1 - y) * map.columns);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  const [left, top] = [place.x(map.across[0]), place.y(map.up[rows])];
  return (
    `<image x="${short(left)}" y="${short(top)}" width="${short(place.x(map.across[map.columns]) - left)}" ` +
    `height="${short(place.y(map.up[0]) - top)}" preserveAspectRatio="none" style="image-rendering:pixelated" ` +
    `href="${canvas.toDataURL()}"/>`
  );
}

function marksOf(mark, place, look) {
  const found = [];
  for (let i = 0; i < mark.x.length; i++) {
    const sign = { x: place.x(mark.x[i]), y: place.y(mark.y[i]), spikes: SHAPES[mark.symbol], colour: mark.colour };
    found.push(signOf(sign, mark.radius * 1.3, mark.radius, look.page));
    if (!mark.text[i] || !sign.spikes) continue;
    found.push(
      `<text x="${short(sign.x)}" y="${short(sign.y - mark.radius - 5)}" font-size="12" text-anchor="middle" fill="${mark.colour}" ` +
        `stroke="${look.page}" stroke-width="3" stroke-linejoin="round" paint-order="stroke">${plain(mark.text[i])}</text>`,
    );
  }
  return found;
}

// A star, or a ring, as a shape.
function signOf({ x, y, spikes, colour: tone }, large, radius, halo) {
  if (!spikes) return `<circle cx="${short(x)}" cy="${short(y)}" r="${radius}" fill="none" stroke="${tone}" stroke-width="1.6"/>`;
  const corners = [];
  star({ beginPath() {}, closePath() {}, lineTo: (...at) => corners.push(at.map(short).join()) }, x, y, large, spikes);
  const edge = halo ? ` stroke="${halo}" stroke-width="3" paint-order="stroke"` : "";
  return `<polygon points="${corners.join(" ")}" fill="${tone}"${edge}/>`;
}

// What furniture.js puts around the panels, as texts and shapes.
function around(map, scene, family, context) {
  const { layout, boxes, hidden } = map;
  const texts = [];
  const say = (text, kind, x, y, more = {}) => {
    const one = { text, x, y, size: WORDS[kind], align: "left", ...more };
    if (one.room) one.text = fitting(one, family, context);
    texts.push(one);
  };
  layout.annotations.forEach(({ text }, k) => {
    const lines = linesOf(text);
    lines.forEach((line, i) => {
      const y = boxes[k].top - 6 - 14.5 * (lines.length - 1 - i);
      say(line, i ? "note" : "title", boxes[k].left + 2, y, { bold: !i, room: boxes[k].width });
    });
  });
  const [{ left, top, width, height }] = boxes;
  if (layout.xaxis.title.text) {
    say(layout.xaxis.title.text, "axis", left + width / 2, top + height + 17, { align: "center" });
    say(layout.yaxis.title.text, "axis", left - 8, top + height / 2, { align: "center", upright: true });
  }
  const room = barRoom(scene, map.width);
  const place = barPlace(boxes);
  const bar = room && { ...scene.bar, x: place.left, y: place.top, width: 10, height: place.height };
  if (bar) {
    numbers(bar.tickvals).forEach((value, i) => {
      const at = (1 - (value - bar.low) / (bar.high - bar.low)) * bar.height;
      say(bar.ticktext[i], "tick", bar.x + 15, bar.y + at + 4);
    });
    if (map.width >= NARROW) say(bar.title.text, "unit", bar.x + room - 20, top + height / 2, { align: "center", upright: true });
  }
  const signs = [];
  let x = 16;
  for (const mark of scene.marks.filter(({ name }) => !hidden.has(name))) {
    const y = layout.height - LEGEND + 16;
    signs.push({ x, y, spikes: SHAPES[mark.symbol], colour: mark.colour });
    say(mark.name, "legend", x + 12, y + 4);
    context.font = fontOf(texts.at(-1), family);
    x += context.measureText(mark.name).width + 40;
  }
  return { texts, bar, signs };
}

// A text that is too long for its place ends in dots.
function fitting(one, family, context) {
  context.font = fontOf(one, family);
  if (context.measureText(one.text).width <= one.room) return one.text;
  let { text } = one;
  while (text && context.measureText(`${text}…`).width > one.room) text = text.slice(0, -1);
  return `${text}…`;
}

function fontOf(one, family) {
  return `${one.bold ? 600 : 400} ${one.size}px ${family}`;
}

function short(value) {
  return String(Math.round(100 * value) / 100);
}

function plain(text) {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
