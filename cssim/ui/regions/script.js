// plotly.js, loaded once for all maps, from this server.
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

// Without WebGL (some remote desktops) dots are drawn as SVG: slower, but there.
const HAS_WEBGL = (() => {
  try {
    return Boolean(document.createElement("canvas").getContext("webgl"));
  } catch {
    return false;
  }
})();

function drawable(traces) {
  if (HAS_WEBGL) return traces;
  return traces.map((t) => (t.type === "scattergl" ? { ...t, type: "scatter" } : t));
}
