// What stands around the panels: their titles, names of the axes, the colour bar, the legend.
const BAR = 104; // width of the colour bar with its words, in pixels
const SLIM = 70; // of that of many panels, whose numbers are short
const UNIT = 26; // of its unit, for which a phone has no room
const LEGEND = 34;

// Places of the panels, in pixels of the plot, as plotly's layout says them.
function boxesOf(layout, scene, width) {
  const { l, r, t, b } = layout.margin;
  const named = layout.xaxis.title.text ? 22 : 0; // room for the names of the axes
  const left = l + named;
  const right = width - r - barRoom(scene, width);
  const legend = scene.marks.length ? LEGEND : 0;
  const bottom = layout.height - b - named - legend;
  return scene.panels.map((_, k) => {
    const number = k ? String(k + 1) : "";
    const [x, y] = [layout[`xaxis${number}`].domain, layout[`yaxis${number}`].domain];
    return {
      left: left + x[0] * (right - left),
      width: (x[1] - x[0]) * (right - left),
      top: t + (1 - y[1]) * (bottom - t),
      height: (y[1] - y[0]) * (bottom - t),
    };
  });
}

// On a phone many panels need the room themselves.
function barRoom({ bar, panels }, width) {
  if (!bar || (panels.length > 1 && width < NARROW)) return 0;
  return (panels.length > 1 ? SLIM : BAR) - (width < NARROW ? UNIT : 0);
}

// Beside the panels of the first row.
function barPlace(boxes) {
  const [{ top, height }] = boxes;
  const left = Math.max(...boxes.map((box) => box.left + box.width)) + 12;
  return { left, top: top + 0.15 * height, height: 0.7 * height };
}

// A title and what is said below it.
function linesOf(text) {
  return text.replace(/<\/?b>/g, "").split("<br>");
}

function made(name, text, at) {
  const part = document.createElement("div");
  part.className = name;
  part.textContent = text;
  for (const [side, value] of Object.entries(at || {})) part.style[side] = `${value}px`;
  return part;
}

function furnish(host, layout, scene, boxes, hidden, toggle) {
  const parts = [];
  (layout.annotations || []).forEach(({ text }, k) => {
    const box = boxes[k];
    const [title, ...notes] = linesOf(text);
    const part = made("csm-title", "", { left: box.left, width: box.width, top: box.top });
    part.append(made("csm-name", title), ...notes.map((note) => made("csm-worth", note)));
    part.title = title;
    parts.push(part);
  });
  if (layout.xaxis.title.text) {
    const [box] = boxes;
    const below = box.top + box.height + 3;
    parts.push(made("csm-axis", layout.xaxis.title.text, { left: box.left, width: box.width, top: below }));
    const up = made("csm-axis csm-up", layout.yaxis.title.text, { left: box.left - 22, width: box.height, top: below - 3 });
    parts.push(up);
  }
  const room = barRoom(scene, host.clientWidth);
  if (room) parts.push(barOf(scene.bar, barPlace(boxes), room, host.clientWidth < NARROW));
  if (scene.marks.length) parts.push(legendOf(scene, layout, hidden, toggle));
  host.replaceChildren(...parts);
}

function barOf(bar, place, room, narrow) {
  const { height } = place;
  const part = made("csm-bar", "", { left: place.left, top: place.top });
  const strip = made("csm-strip", "", { height });
  const stops = bar.scale.map(([at, tone]) => `${tone} ${100 * at}%`).join(", ");
  strip.style.background = `linear-gradient(to top, ${stops})`;
  part.append(strip);
  numbers(bar.tickvals).forEach((value, i) => {
    const at = (1 - (value - bar.low) / (bar.high - bar.low)) * height;
    part.append(made("csm-tick", bar.ticktext[i], { top: at }));
  });
  if (!narrow) part.append(made("csm-unit", bar.title.text, { width: 1.4 * height, top: 1.2 * height, left: room - 30 }));
  return part;
}

// Marks can be hidden and shown again.
function legendOf(scene, layout, hidden, toggle) {
  const part = made("csm-legend", "", { top: layout.height - LEGEND + 2 });
  for (const mark of scene.marks) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", String(!hidden.has(mark.name)));
    const sign = made(SHAPES[mark.symbol] ? "csm-star" : "csm-ring", SHAPES[mark.symbol] ? "✦" : "");
    sign.style.color = mark.colour;
    button.append(sign, mark.name);
    button.addEventListener("click", () => toggle(mark.name));
    part.append(button);
  }
  return part;
}
