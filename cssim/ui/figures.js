// Downloads of the figure in the same container: plotly's own picture button, in the format asked
// for and on the page's background, which is transparent on the page itself.
export default function (component) {
  const { parentElement, data } = component;
  const plot = () => document.querySelector(`.${data.within} .js-plotly-plot`);

  const save = (format) => {
    const graph = plot();
    const button = graph?.querySelector('.modebar-btn[data-title^="Download"]');
    if (!button) return;
    const before = graph._context.toImageButtonOptions;
    const paper = graph.layout.paper_bgcolor;
    const page = getComputedStyle(parentElement.host ?? parentElement);
    graph._context.toImageButtonOptions = { format, filename: data.stem, scale: format === "png" ? 3 : 1 };
    graph.layout.paper_bgcolor = page.getPropertyValue("--st-background-color").trim() || "#ffffff";
    try {
      button.dispatchEvent(new MouseEvent("click", { bubbles: true })); // copies the figure at once
    } finally {
      graph._context.toImageButtonOptions = before;
      graph.layout.paper_bgcolor = paper;
    }
  };

  for (const button of parentElement.querySelectorAll("button")) {
    const format = button.dataset.format;
    button.setAttribute("aria-label", `Download the figure as ${format.toUpperCase()}`);
    button.onclick = () => save(format);
  }
}
