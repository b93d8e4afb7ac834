/* Markdown as elements: what a researcher writes for annotators can never become markup or script.
 *
 * Headings, paragraphs, lists, quotes, rules, code, bold, italics, links, and the project's own
 * pictures by `![what it shows](/images/<sha256>)`. */

function markdown(text) {
  const blocks = [];
  let open = null; // the block that the next line may continue
  const start = (block) => (blocks.push(block), (open = block));
  for (const line of String(text).replace(/\r/g, "").split("\n")) {
    const item = /^\s*(?:([-*+])|\d{1,3}[.)])\s+(.*)$/.exec(line);
    const heading = /^(#{1,4})\s+(.*?)\s*#*$/.exec(line);
    if (open && open.kind === "code") {
      if (/^```/.test(line)) open = null;
      else open.lines.push(line);
    } else if (/^```/.test(line)) start({ kind: "code", lines: [] });
    else if (!line.trim()) open = null;
    else if (heading) {
      start({ kind: `h${Math.min(heading[1].length + 2, 5)}`, lines: [heading[2]] });
      open = null;
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      start({ kind: "hr", lines: [] });
      open = null;
    } else if (item) {
      const kind = item[1] ? "ul" : "ol";
      if (!open || open.kind !== kind) start({ kind, lines: [] });
      open.lines.push(item[2]);
    } else if (/^\s*>/.test(line)) {
      if (!open || open.kind !== "blockquote") start({ kind: "blockquote", lines: [] });
      open.lines.push(line.replace(/^\s*>\s?/, ""));
    } else if (open && (open.kind === "ul" || open.kind === "ol")) {
      open.lines[open.lines.length - 1] += ` ${line.trim()}`;
    } else {
      if (!open || open.kind !== "p") start({ kind: "p", lines: [] });
      open.lines.push(line.trim());
    }
  }
  return blocks.map(markdownBlock);
}

function markdownBlock({ kind, lines }) {
  if (kind === "code") return make("pre", {}, lines.join("\n"));
  if (kind === "hr") return make("hr");
  if (kind === "ul" || kind === "ol") return make(kind, {}, ...lines.map((line) => make("li", {}, ...inline(line))));
  if (kind === "blockquote") return make(kind, {}, ...markdown(lines.join("\n")));
  return make(kind, {}, ...inline(lines.join(" ")));
}

const INLINE =
  /!\[([^\]]*)\]\((\/images\/[0-9a-f]{64}(?:\?w=\d+)?)\)|\[([^\]]+)\]\(([^)\s]+)\)|`([^`]+)`|\*\*([^*]+?)\*\*|__([^_]+?)__|\*([^*\s][^*]*?)\*|\b_([^_\s][^_]*?)_\b/;

/** Text and elements of one line. */
function inline(text) {
  const found = INLINE.exec(text);
  if (!found) return [text];
  const [all, alt, picture, label, href, code, bold, strong, italic, stress] = found;
  let element = all; // a link that leads nowhere good stays as it was typed
  if (picture) element = make("img", { src: picture, alt, loading: "lazy" });
  else if (label && /^(https?:\/\/|mailto:|\/(?!\/))/i.test(href))
    element = make("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...inline(label));
  else if (code) element = make("code", {}, code);
  else if (bold || strong) element = make("strong", {}, ...inline(bold || strong));
  else if (italic || stress) element = make("em", {}, ...inline(italic || stress));
  const before = text.slice(0, found.index);
  return [...(before ? [before] : []), element, ...inline(text.slice(found.index + all.length)).filter(Boolean)];
}
