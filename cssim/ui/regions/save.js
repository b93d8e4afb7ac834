// A picture of the map to take away, made by plotly, which is loaded when somebody wants it.
let loading = null;

function plotly(source) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      loading = null;
      script.remove();
      reject(new Error("the drawing script could not be loaded"));
    };
    document.head.append(script);
  });
  return loading;
}

// Dots become shapes, which stay sharp in print; cells of the map are an image with one pixel each.
function toSave(map) {
  const { scene, layout, ends, hidden, picked } = map;
  const chosen = picked.length ? picked.map((id) => scene.place.get(id)) : null;
  const data = scene.traces
    .filter((trace) => trace.meta !== "mark" || !hidden.has(trace.name))
    .map((trace) => {
      const plain = trace.type === "scattergl" ? { ...trace, type: "scatter" } : { ...trace };
      if (trace.meta === "dots" && chosen) plain.selectedpoints = chosen;
      return plain;
    });
  const saved = structuredClone(layout);
  saved.paper_bgcolor = saved.plot_bgcolor = getComputedStyle(map.root).getPropertyValue("--st-background-color").trim() || "#ffffff";
  for (const name of Object.keys(saved).filter((one) => /^[xy]axis/.test(one))) {
    saved[name].range = [...(name.startsWith("x") ? ends.x : ends.y)];
    saved[name].autorange = false;
  }
  return { data, layout: saved };
}

async function saved(map, format) {
  const library = await plotly(map.data.script);
  const size = { width: map.width, height: map.layout.height };
  const figure = toSave(map);
  await library.downloadImage(figure, { format, filename: map.data.stem, ...size, scale: format === "png" ? 3 : 1 });
}
