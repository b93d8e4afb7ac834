// Downloads of the figure in the same container: plotly's own picture button, in the format asked
// for and on white, with the colours of a dark page replaced by those of a white one.
function onWhite(value, colours) {
  if (typeof value === "string") return colours[value] ?? value;
  if (Array.isArray(value)) return value.map((one) => onWhite(one, colours));
  if (!value || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, onWhite(one, colours)]));
}

export default function (component) {
  const { parentElement, data } = component;
  const plot = () => document.querySelector(`.${data.within} .js-plotly-plot`);

  const save = (format) => {
    const graph = plot();
    const button = graph?.querySelector('.modebar-btn[data-title^="Download"]');
    if (!button) return;
    const before = graph._context.toImageButtonOptions;
    const { data: traces, layout } = graph;
    graph._context.toImageButtonOptions = { format, filename: data.stem, scale: format === "png" ? 3 : 1 };
    graph.data = onWhite(traces, data.print);
    graph.layout = { ...onWhite(layout, data.print), paper_bgcolor: "#ffffff" };
    try {
      button.dispatchEvent(new MouseEvent("click", { bubbles: true })); // copies the figure at once
    } finally {
      graph._context.toImageButtonOptions = before;
      Object.assign(graph, { data: traces, layout });
    }
  };

  for (const button of parentElement.querySelectorAll("button")) {
    const format = button.dataset.format;
    button.setAttribute("aria-label", `Download the figure as ${format.toUpperCase()}`);
    button.onclick = () => save(format);
  }
}
