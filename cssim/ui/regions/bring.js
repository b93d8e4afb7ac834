// Hands the map (map.js), which is an element of its own, what it shows and what is picked.
const BROUGHT = "cssim-regions-brought";

export default function ({ data }) {
  const all = (window[BROUGHT] ??= {});
  all[data.what] = data.value;
  document.dispatchEvent(new Event(BROUGHT));
}
