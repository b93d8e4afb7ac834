// The card beside the pointer: picture, name and numbers of the reference under it.
const FACTS = new Map(); // image id -> promise of its facts

function factsOf(id) {
  if (!FACTS.has(id)) {
    const asked = fetch(`/api/images/${id}`, { credentials: "same-origin" }).then((answer) =>
      answer.ok ? answer.json() : null,
    );
    asked.catch(() => FACTS.delete(id)); // asked again at the next hover
    FACTS.set(id, asked);
  }
  return FACTS.get(id);
}

class Card {
  constructor() {
    this.box = document.createElement("div");
    this.box.className = "cs-regions-card";
    this.box.hidden = true;
    this.picture = document.createElement("img");
    this.picture.alt = "";
    const text = document.createElement("div");
    this.name = document.createElement("b");
    this.note = document.createElement("span");
    text.append(this.name, this.note);
    this.box.append(this.picture, text);
    this.id = null;
  }

  // Inside the app's own tree, so that the colours of its theme hold here, too.
  mount(parent) {
    parent.append(this.box);
  }

  async show(id, note, x, y) {
    this.place(x, y);
    if (this.id === id) return;
    this.id = id;
    this.box.dataset.image = id;
    this.picture.removeAttribute("src");
    this.name.textContent = `image ${id}`;
    this.note.textContent = note;
    this.box.hidden = false;
    let facts = null;
    try {
      facts = await factsOf(id);
    } catch {
      return; // the numbers stay; the picture comes with the next hover
    }
    if (this.id !== id || !facts) return;
    this.name.textContent = facts.name + (facts.tags.length ? ` · ${facts.tags.join(", ")}` : "");
    if (facts.sha256) this.picture.src = `/images/${facts.sha256}?w=256`;
    this.place(x, y);
  }

  place(x, y) {
    const gap = 16;
    const height = this.box.offsetHeight || 210;
    const left = x + gap + 200 > innerWidth ? x - gap - 200 : x + gap;
    const top = Math.min(Math.max(8, y - height / 2), innerHeight - height - 8);
    this.box.style.left = `${Math.max(4, left)}px`;
    this.box.style.top = `${top}px`;
  }

  hide() {
    this.id = null;
    this.box.hidden = true;
  }

  close() {
    this.box.remove();
  }
}
