/* Drawing: what stands on the screen follows from the page and the answer in the making. */

const CLASSES = {
  1: "Almost the same",
  2: "Similar",
  3: "Related",
  4: "Weakly connected",
  5: "Irrelevant",
};

/** An element with attributes and children; text is always text, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** A picture in its cell: as large as the cell allows, never distorted. */
function tile(picture, label, attributes) {
  const ratio = picture.width && picture.height ? picture.width / picture.height : 4 / 3;
  const inside = picture.broken
    ? make("p", { class: "broken" }, make("b", {}, "This picture cannot be shown"), `${picture.broken[0].toUpperCase()}${picture.broken.slice(1)}. Skip the page (s) or flag it (f).`)
    : picture.image;
  const frame = make(
    "div",
    { class: "frame", style: `--ratio:${ratio};--most:${3 * (picture.width || 400)}px` },
    inside,
    make("span", { class: "label" }, label),
    make("span", { class: "badge" })
  );
  return make("figure", { class: "tile", ...attributes }, frame);
}

/** The images of a page, in place, candidates as `line` says; drawing is synchronous. */
function drawPage(root, page, line) {
  const phone = root.dataset.narrow === "yes";
  root.dataset.mode = page.mode;
  root.dataset.n = page.candidates.length;
  const reference = tile(page.reference, "Reference", { "data-zoom": "-1", class: "tile reference" });
  const candidates = line.map((place) =>
    tile(page.candidates[place], String(place + 1), {
      "data-place": place,
      "data-zoom": place,
      role: "button",
      tabindex: "0",
    })
  );
  // On a phone three candidates and their reference make a square of four.
  const square = phone && page.candidates.length === 3;
  root.querySelector(".first").replaceChildren(reference, ...(square ? candidates.slice(0, 1) : []));
  root.querySelector(".rest").replaceChildren(...(square ? candidates.slice(1) : candidates));
}

/** Outlines, badges and the row of answers, from the answer in the making. */
function drawAnswer(root, page, ranking, before) {
  for (const element of root.querySelectorAll("[data-place]")) {
    const place = Number(element.dataset.place);
    const rank = page.mode === "rank";
    const value = rank ? (ranking.classes[place] ?? (before ? before.classes[place] : null)) : null;
    const lit = rank && ranking.pair ? ranking.pair.includes(place) : false;
    const active = rank && !ranking.pair && ranking.active === place;
    element.classList.toggle("active", active);
    element.classList.toggle("lit", lit);
    element.classList.toggle("dim", rank && Boolean(ranking.pair) && !lit);
    const chosen = Boolean(before && !rank && before.kind === "answer" && before.first === place);
    element.classList.toggle("chosen", chosen);
    const former = rank && Boolean(value) && ranking.classes[place] === null;
    const name = value ? `${value} ${CLASSES[value]}` : "";
    drawBadge(element, former ? `was ${name}` : chosen ? "Your answer" : name, value, former);
    const state = former ? `was ${name}` : chosen ? "your answer" : name || (rank ? "no class yet" : "");
    element.setAttribute("aria-label", [`Candidate ${place + 1}`, state, active ? "outlined" : ""].filter(Boolean).join(", "));
  }
  drawButtons(root, page, ranking, before);
}

function drawBadge(element, text, value, former = false) {
  const badge = element.querySelector(".badge");
  badge.textContent = text;
  badge.dataset.class = value || "";
  badge.classList.toggle("former", former);
}

function drawButtons(root, page, ranking, before) {
  const bar = root.querySelector(".answers");
  const kind = page.mode === "choose" ? "choose" : ranking.pair ? "tie" : "rank";
  const state = `${kind} ${root.dataset.narrow} ${root.dataset.tie} ${kind === "tie" ? ranking.pair : ""}`;
  if (bar.dataset.kind !== state) {
    bar.dataset.kind = state;
    bar.replaceChildren(...BUTTONS[kind](root, ranking.pair));
  }
  for (const button of bar.querySelectorAll("button")) {
    const former = before && kind === "choose" && before.kind === "tie" && button.dataset.key === "0";
    button.classList.toggle("chosen", Boolean(former));
  }
}

function answerButton(key, shown, text) {
  return make("button", { "data-key": key }, make("kbd", {}, shown), make("span", {}, text));
}

/** What the two candidates to choose from are called where they stand. */
function sides(root) {
  return root.dataset.narrow === "yes" ? ["Upper", "Lower"] : ["Left", "Right"];
}

const BUTTONS = {
  rank: () => Object.entries(CLASSES).map(([value, name]) => answerButton(value, value, name)),
  choose: (root) => [
    answerButton("ArrowLeft", root.dataset.narrow === "yes" ? "1" : "←", sides(root)[0]),
    ...(root.dataset.tie === "yes" ? [answerButton("0", "0", "Cannot say")] : []),
    answerButton("ArrowRight", root.dataset.narrow === "yes" ? "2" : "→", sides(root)[1]),
  ],
  tie: (_, [left, right]) => [
    answerButton("ArrowLeft", "←", `Candidate ${left + 1}`),
    make("p", {}, "Same class. Which is closer?"),
    answerButton("ArrowRight", "→", `Candidate ${right + 1}`),
  ],
};

/** What somebody who cannot see the page is told when it is there. */
function spokenPage(page, before) {
  const many = page.candidates.length;
  const task = page.mode === "choose" ? "Choose the closer one" : "Give each a class from 1 to 5";
  return `${before ? "Earlier page" : "New page"}: a reference and ${many} candidates. ${task}.`;
}
