/* What can lie over the page: help, the welcome, zoom, flag, a break, and the state without work. */

const KEYS = {
  choose: [
    ["← or 1", "the left one is closer (on a phone: the upper one)"],
    ["→ or 2", "the right one is closer"],
  ],
  tie: [["0 or =", "you cannot say: both are equally close"]],
  rank: [
    ["1 … 5", "class of the outlined candidate; moves on by itself"],
    ["← →", "outline another; where two are equal: which is closer"],
    ["⌫", "take the last step back, on the page before as well"],
  ],
  both: [
    ["u", "look at the last page again, and change it"],
    ["h", "all your answers; change any of them"],
    ["s", "skip this page"],
    ["f", "flag this page: something is wrong with it"],
    ["z", "zoom: hold, or tap to stay; again for the next candidate"],
    ["b", "take a break"],
    ["?", "this help"],
    ["Esc", "close what lies over the page"],
  ],
};

const DEFAULT_INSTRUCTIONS = {
  choose: "Look at the reference, then say which of the two candidates is closer to it.",
  rank: "Look at the reference, then give each candidate a class. Where two get the same class, say which of them is closer.",
};

const HANDS_HINT = {
  choose: "By mouse or finger: tap the closer picture. Hold a picture to zoom.",
  rank: "By mouse or finger: tap a picture, then a class; or drag it onto a class, or onto another picture to change their order. Hold a picture to zoom.",
};

function keyTable(rows) {
  const row = ([keys, meaning]) =>
    make("tr", {}, make("th", { scope: "row" }, make("kbd", {}, keys)), make("td", {}, meaning));
  return make("table", {}, make("tbody", {}, ...rows.map(row)));
}

function scale() {
  const classes = Object.entries(CLASSES).map(([value, name]) => make("li", {}, make("b", {}, value), ` ${name}`));
  return make("ol", { class: "scale" }, ...classes);
}

/** The criterion and what the project's researchers wrote. */
function instructions(mode, data) {
  return [
    make("h2", {}, question(mode, data)),
    make("div", { class: "instructions" }, ...markdown(data.instructions || DEFAULT_INSTRUCTIONS[mode])),
    ...(mode === "rank" ? [scale()] : []),
  ];
}

function question(mode, data) {
  return data.criterion || (mode === "rank" ? "How close is each to the reference?" : "Which is closer to the reference?");
}

function helpCover(mode, data) {
  const rows = [...KEYS[mode], ...(mode === "choose" && data.cannot_say ? KEYS.tie : []), ...KEYS.both];
  return make(
    "div",
    { class: "card help", role: "dialog", "aria-modal": "true", "aria-label": "Help" },
    ...instructions(mode, data),
    keyTable(rows),
    make("p", { class: "hint" }, HANDS_HINT[mode]),
    make("p", { class: "hint" }, "Answers are saved as you go, and kept in this browser until they are."),
    make(
      "div",
      { class: "pair" },
      ...(data.edit ? [make("a", { href: data.edit, target: "_self" }, "Edit the instructions")] : []),
      make("button", { class: "main", "data-do": "close" }, "Back to work")
    )
  );
}

/** What somebody reads before their first page. */
function welcomeCover(mode, data, practice) {
  const keys = mode === "choose" ? [...KEYS.choose, ...(data.cannot_say ? KEYS.tie : [])] : KEYS.rank;
  return make(
    "div",
    { class: "card welcome", role: "dialog", "aria-modal": "true", "aria-label": "Instructions" },
    ...instructions(mode, data),
    keyTable([...keys, ["?", "all keys, and these instructions again"]]),
    make("p", { class: "hint" }, HANDS_HINT[mode]),
    make(
      "div",
      { class: "pair" },
      make("button", { class: "main", "data-do": "close" }, practice ? `Practise on ${count(practice, "page")}` : "Start", make("kbd", {}, "Enter"))
    )
  );
}

function count(n, noun) {
  return `${n.toLocaleString()} ${n === 1 ? noun : `${noun}s`}`;
}

const REASONS = ["A picture is missing or broken", "Two pictures are the same", "Offensive or private", "Impossible to compare"];

/** `send(reason, skip)` gets what the person wrote; `drop` takes a former remark back. */
function flagCover(send, former, drop) {
  const text = make("textarea", { rows: "3", maxlength: "500", "aria-label": "What is wrong?", placeholder: "What is wrong with this page?" });
  text.value = former;
  const reasons = REASONS.map((reason) =>
    make("button", { type: "button", onclick: () => { text.value = reason; text.focus(); } }, reason)
  );
  const said = () => text.value.replace(/[\p{Cc}\p{Cs}]+/gu, " ").trim();
  const submit = (skip) => (said() ? send(said(), skip) : text.focus());
  text.addEventListener("keydown", (event) => {
    // Where an input method composes, Enter takes its word and Escape lets go of it.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (!event.repeat) submit(true);
    }
  });
  const card = make(
    "div",
    { class: "card flag", role: "dialog", "aria-modal": "true", "aria-label": "Flag this page" },
    make("h2", {}, "What is wrong with this page?"),
    make("p", {}, "A researcher sees your remark. Skip the page, or answer it all the same."),
    make("div", { class: "reasons" }, ...reasons),
    text,
    make(
      "div",
      { class: "pair" },
      make("button", { "data-do": "close" }, "Cancel"),
      ...(former ? [make("button", { onclick: drop }, "Take the flag back")] : []),
      make("button", { onclick: () => submit(false) }, "Flag, then answer"),
      make("button", { class: "main", onclick: () => submit(true) }, "Flag and skip")
    )
  );
  return { card, focus: () => text.focus() };
}

function zoomCover(page, place) {
  const large = (picture, label) =>
    make(
      "figure",
      // What is here already stands in until the large one is.
      picture.image ? { style: `background-image:url("${picture.image.src}")` } : {},
      ...(picture.broken ? [make("p", {}, "This picture is gone")] : [make("img", { src: `/images/${picture.sha256}?w=2048`, alt: label })]),
      make("figcaption", {}, label)
    );
  return make(
    "div",
    { class: "zoom", role: "dialog", "aria-modal": "true", "aria-label": `Zoom: reference and candidate ${place + 1}`, "data-do": "close", tabindex: "-1" },
    large(page.reference, "Reference"),
    large(page.candidates[place], `Candidate ${place + 1}`),
    make("p", {}, "Tap the candidate (z) for the next one, anything else (Esc) to go back")
  );
}

function breakCover({ minutes, given, waiting }) {
  const done = given ? `${count(given, "page")} in this sitting. ` : "";
  const rest = minutes ? `You have worked for ${count(minutes, "minute")} without a pause. ` : "";
  return make(
    "div",
    { class: "card rest break", role: "dialog", "aria-modal": "true", "aria-label": "Break" },
    make("h2", {}, "Have a break"),
    make("p", {}, `${rest}${done}Look at something far away, stand up, drink something. ${waiting ? `${count(waiting, "answer")} not sent yet, kept here.` : "All is saved."}`),
    make("button", { class: "main", "data-do": "close" }, "Go on", make("kbd", {}, "Enter"))
  );
}

function restCover({ state, given, waiting, problem }) {
  const kept = `${count(waiting, "answer")} of yours ${waiting === 1 ? "is" : "are"} kept in this browser and`;
  const words = {
    loading: ["One moment", "Your next pages are being fetched."],
    offline: ["No connection", `The server cannot be reached. ${waiting ? `${kept} will be sent when it is back.` : "This page goes on by itself when it is back."}`],
    signedout: ["You are signed out", waiting ? `${kept} will be sent when you sign in again.` : "Sign in to go on; nothing is lost."],
    someoneelse: ["Somebody else signed in here", waiting ? `${kept} will be sent when you sign in again.` : "All of yours is saved. Sign in as yourself to go on."],
    finished: [
      given ? "All done for now" : "Nothing to label right now",
      given
        ? `Thank you: ${count(given, "page")} in this sitting. New pages appear here by themselves.`
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
          make("button", { "data-do": "history" }, "Your answers"),
          make("a", { href: "/", target: "_self" }, "Go to the start page"),
        ]
      : []),
    ...(state === "signedout" ? [make("a", { class: "main", href: "/sign-in?next=/annotate", target: "_self" }, "Sign in")] : []),
    ...(state === "someoneelse"
      ? [
          make("a", { href: "/annotate", target: "_self" }, "Go on as them"),
          make("a", { class: "main", href: "/sign-out", target: "_self" }, "Sign in as yourself"),
        ]
      : [])
  );
}
