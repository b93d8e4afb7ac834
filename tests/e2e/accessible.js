// What a screen reader, a keyboard or weak eyes would stumble over on the page as it is shown.
// Returns a list of sentences; an empty one means that nothing was found. The rules are those of
// WCAG 2.2: 1.1.1 (alternative texts), 4.1.2 (names of controls), 1.3.1 (order of headings),
// 1.4.3 (contrast of text), 3.1.1 (language).
() => {
  const found = [];
  const everything = (root) => {
    const own = [];
    for (const node of root.querySelectorAll("*")) {
      own.push(node);
      if (node.shadowRoot) own.push(...everything(node.shadowRoot));
    }
    return own;
  };
  const nodes = everything(document);
  const above = (node) => node.parentElement ?? node.getRootNode().host ?? null;
  const shown = (node) => {
    if (node.closest('[aria-hidden="true"]')) return false;
    const box = node.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) return false;
    for (let at = node; at; at = above(at)) {
      const style = getComputedStyle(at);
      if (style.visibility === "hidden" || style.display === "none" || +style.opacity === 0) return false;
    }
    return true;
  };
  const told = (node) =>
    `<${node.tagName.toLowerCase()}${node.dataset.testid ? ` ${node.dataset.testid}` : ""}` +
    `${node.className && node.className.baseVal === undefined ? ` .${String(node.className).split(" ")[0]}` : ""}> ` +
    `"${(node.innerText ?? node.textContent ?? "").trim().slice(0, 40)}"`;

  if (!document.documentElement.lang) found.push("the document names no language");

  for (const image of nodes.filter((n) => n.tagName === "IMG" && shown(n)))
    if (!image.hasAttribute("alt")) found.push(`no alternative text: ${image.src.slice(-60)}`);
  for (const plot of nodes.filter((n) => n.classList?.contains("js-plotly-plot") && shown(n)))
    if (!plot.closest("[aria-label],[aria-labelledby],figure") && !plot.getAttribute("aria-label"))
      found.push("a figure without alternative text");

  const name = (node) => {
    const by = (node.getAttribute("aria-labelledby") ?? "").split(/\s+/).filter(Boolean);
    const root = node.getRootNode();
    return [
      node.getAttribute("aria-label"),
      ...by.map((id) => root.getElementById(id)?.textContent),
      ...[...(node.labels ?? [])].map((label) => label.textContent),
      node.textContent,
      node.title,
      ...[...node.querySelectorAll("img[alt]")].map((image) => image.alt),
      node.tagName === "INPUT" && ["submit", "button"].includes(node.type) ? node.value : "",
    ].some((text) => text && text.trim());
  };
  const controls =
    'button,a[href],input:not([type="hidden"]),select,textarea,[role="button"],[role="tab"],' +
    '[role="combobox"],[role="slider"],[role="switch"],[role="checkbox"],[role="radio"]';
  for (const control of nodes.filter((n) => n.matches(controls) && shown(n)))
    if (!name(control)) found.push(`a control without a name: ${told(control)} ${control.outerHTML.slice(0, 160)}`);

  let level = 0;
  const headings = nodes.filter((n) => /^H[1-6]$/.test(n.tagName) && shown(n));
  if (headings.length && headings.filter((h) => h.tagName === "H1").length !== 1)
    found.push(`expected one heading of the first level, got ${headings.map(told).join(", ")}`);
  for (const heading of headings) {
    const own = +heading.tagName[1];
    if (own > level + 1) found.push(`a heading jumps from level ${level} to ${own}: ${told(heading)}`);
    level = own;
  }

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = "#000";
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a)];
  const light = (colour) => {
    const [r, g, b] = colour.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const base = over(rgba(getComputedStyle(document.querySelector('[data-testid="stApp"]') ?? document.body).backgroundColor), [255, 255, 255]);
  const backdrop = (node) => {
    const layers = [];
    const box = node.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    for (let at = node; at; at = above(at)) {
      const own = at.getBoundingClientRect(); // what hangs outside of it stands on something else
      if (x < own.left || x > own.right || y < own.top || y > own.bottom) continue;
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null; // a picture: nobody can tell
      const colour = rgba(style.backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), base);
  };
  const weak = new Set();
  for (const node of nodes) {
    if (node.namespaceURI !== "http://www.w3.org/1999/xhtml" || !shown(node)) continue;
    if (["STYLE", "SCRIPT", "NOSCRIPT", "OPTION"].includes(node.tagName)) continue;
    const words = [...node.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join(" ").trim();
    if (!words || !node.innerText?.trim() || node.closest(":disabled,[aria-disabled='true']")) continue;
    const style = getComputedStyle(node);
    const below = backdrop(node);
    if (!below) continue;
    let [r, g, b, a] = rgba(style.color);
    for (let at = node; at; at = above(at)) a *= +getComputedStyle(at).opacity;
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700);
    const contrast = ratio(over([r, g, b, a], below), below);
    if (contrast < (large ? 3 : 4.5) - 0.005)
      weak.add(`contrast ${contrast.toFixed(2)}: ${told(node).slice(0, 90)} ${style.color} on ${below.map(Math.round)}`);
  }
  return [...found, ...weak];
}
