/* What can lie over the page: help, zoom, flag, and the state without work. */

const KEYS = {
  choose: [
    ["← or 1", "the left one is closer"],
    ["→ or 2", "the right one is closer"],
    ["0 or =", "both are equally close"],
  ],
  rank: [
    ["1 … 5", "class of the outlined candidate; moves on by itself"],
    ["← →", "outline another; where two are equal: which is closer"],
    ["Backspace", "take the last step back"],
  ],
  both: [
    ["u", "look at the last page again, and change it"],
    ["s", "skip this page"],
    ["f", "flag this page: something is wrong with it"],
    ["z", "zoom; again for the next candidate"],
    ["Esc", "close what lies over the page"],
  ],
};

function helpCover(mode, instructions) {
  const row = ([keys, meaning]) =>
    make("tr", {}, make("th", { scope: "row" }, make("kbd", {}, keys)), make("td", {}, meaning));
  const classes = Object.entries(CLASSES).map(([value, name]) =>
    make("li", {}, make("b", {}, value), ` ${name}`)
  );
  return make(
    "div",
    { class: "card help", role: "dialog", "aria-label": "Help" },
    make("h2", {}, mode === "choose" ? "Which is closer?" : "How close is each?"),
    make("p", { class: "instructions" }, instructions || DEFAULT_INSTRUCTIONS[mode]),
    ...(mode === "rank" ? [make("ol", { class: "scale" }, ...classes)] : []),
    make("table", {}, make("tbody", {}, ...[...KEYS[mode], ...KEYS.both].map(row))),
    make("p", { class: "hint" }, "Answers are saved as you go. Tapping the pictures and buttons does the same as the keys."),
    make("button", { class: "main", "data-do": "close" }, "Back to work")
  );
}

const DEFAULT_INSTRUCTIONS = {
  choose: "Look at the reference, then say which of the two candidates is closer to it in meaning.",
  rank: "Look at the reference, then give each candidate a class. Where two get the same class, say which of them is closer.",
};

const REASONS = ["A picture is missing or broken", "Two pictures are the same", "Offensive or private", "Impossible to compare"];

function flagCover(send) {
  const text = make("textarea", { rows: "3", maxlength: "500", "aria-label": "What is wrong?", placeholder: "What is wrong with this page?" });
  const reasons = REASONS.map((reason) =>
    make("button", { type: "button", onclick: () => { text.value = reason; text.focus(); } }, reason)
  );
  const submit = () => text.value.trim() && send(text.value.trim());
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      submit();
    }
  });
  const card = make(
    "div",
    { class: "card flag", role: "dialog", "aria-label": "Flag this page" },
    make("h2", {}, "Flag this page"),
    make("p", {}, "It is skipped, and a researcher sees your remark."),
    make("div", { class: "reasons" }, ...reasons),
    text,
    make(
      "div",
      { class: "pair" },
      make("button", { "data-do": "close" }, "Cancel"),
      make("button", { class: "main", onclick: submit }, "Flag and skip")
    )
  );
  return { card, focus: () => text.focus() };
}

function zoomCover(page, place) {
  const large = (picture, label) =>
    make(
      "figure",
      {},
      make("img", { src: `/images/${picture.sha256}?w=2048`, alt: label }),
      make("figcaption", {}, label)
    );
  return make(
    "div",
    { class: "zoom", role: "dialog", "aria-label": "Zoom", "data-do": "close" },
    large(page.reference, "Reference"),
    large(page.candidates[place], `Candidate ${place + 1}`),
    make("p", {}, "z or a tap on the right: next candidate · Esc: back")
  );
}

function restCover({ state, given, waiting, problem }) {
  const words = {
    loading: ["One moment", "Your next pages are being fetched."],
    offline: ["No connection", `The server cannot be reached. ${waiting ? "Your answers are kept in this browser and go out by themselves." : "This page goes on by itself when it is back."}`],
    signedout: ["You are signed out", "Your answers are kept in this browser and go out when you sign in again."],
    finished: [
      given ? "All done for now" : "Nothing to label right now",
      given
        ? `Thank you: ${given} ${given === 1 ? "page" : "pages"} in this sitting. New pages appear here by themselves.`
        : "Every page has its answers, or is in other hands. New pages appear here by themselves.",
    ],
    problem: ["This did not work", problem],
  }[state];
  return make(
    "div",
    { class: `card rest ${state}` },
    make("h2", {}, words[0]),
    make("p", {}, words[1]),
    ...(state === "finished"
      ? [
          ...(given ? [make("button", { "data-do": "undo" }, "Look at your last page again")] : []),
          make("a", { href: "/", target: "_self" }, "Go to the start page"),
        ]
      : []),
    ...(state === "signedout" ? [make("a", { href: "/sign-in?next=/annotate", target: "_self" }, "Sign in")] : [])
  );
}
