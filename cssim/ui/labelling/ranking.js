/* The answer in the making, without any screen: places 0..n-1 are candidates as they were handed out.
 *
 * Rank: a class for each place, then, only where classes are equal, which of two is closer.
 * The order is sorted by class and, within a class, by those comparisons (binary insertion).
 * `line` says how the places stand on the screen, left to right: a person may drag one elsewhere,
 * and so says how it compares with each of the others; that counts where classes are equal. */

class Ranking {
  constructor(places, steps = []) {
    this.places = places;
    this.steps = [...steps]; // ["rate", place, class] | ["closer", place, other] | ["move", place, index]
    this.active = 0;
    this.replay();
  }

  replay() {
    this.classes = Array(this.places).fill(null);
    this.line = [...this.classes.keys()];
    this.closer = new Map(); // said where classes are equal
    this.dragged = new Map(); // said by dragging
    for (const [kind, place, second] of this.steps) {
      if (kind === "rate") this.replayRate(place, second);
      else if (kind === "closer") this.closer.set(pairKey(place, second), place);
      else this.replayMove(place, second);
    }
    this.sort();
  }

  replayRate(place, value) {
    if (this.classes[place] !== value) this.closer.clear();
    this.classes[place] = value;
  }

  replayMove(place, index) {
    this.line.splice(this.line.indexOf(place), 1);
    this.line.splice(index, 0, place);
    this.line.forEach((other, at) => {
      if (other === place) return;
      this.closer.delete(pairKey(place, other));
      this.dragged.set(pairKey(place, other), at < index ? other : place);
    });
    const own = this.classes[place];
    const contradicts = this.line.some((other, at) => {
      const value = this.classes[other];
      return own !== null && value !== null && (at < index ? value > own : value < own);
    });
    if (contradicts) this.classes[place] = null; // its class is asked again
  }

  get rated() {
    return this.classes.every((value) => value !== null);
  }

  /** Sort as far as is known; `pair` is the next question, `order` the answer when there is none. */
  sort() {
    this.pair = null;
    this.order = null;
    if (!this.rated) return;
    const order = [];
    for (let value = 1; value <= 5; value++) {
      const tied = this.line.filter((place) => this.classes[place] === value);
      const sorted = this.insertAll(tied);
      if (!sorted) return;
      order.push(...sorted);
    }
    this.order = order;
  }

  insertAll(tied) {
    const sorted = [];
    for (const place of tied) {
      let low = 0;
      let high = sorted.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        const winner = this.winner(place, sorted[middle]);
        if (winner === undefined) {
          this.pair = this.leftFirst([place, sorted[middle]]);
          return null;
        }
        if (winner === place) high = middle;
        else low = middle + 1;
      }
      sorted.splice(low, 0, place);
    }
    return sorted;
  }

  winner(one, other) {
    const key = pairKey(one, other);
    return this.closer.get(key) ?? this.dragged.get(key);
  }

  leftFirst(places) {
    return places.sort((a, b) => this.line.indexOf(a) - this.line.indexOf(b));
  }

  rate(value, place = this.active) {
    if (this.pair) return;
    this.steps.push(["rate", place, value]);
    this.active = place;
    this.replay();
    this.outlineOpen();
  }

  /** Outline the next place without a class, to the right of the active one and round again. */
  outlineOpen() {
    const at = this.line.indexOf(this.active);
    const round = [...this.line.slice(at + 1), ...this.line.slice(0, at + 1)];
    const open = round.find((place) => this.classes[place] === null);
    if (open !== undefined) this.active = open;
  }

  /** The left (0) or the right (1) of the lit pair is closer. */
  decide(side) {
    if (!this.pair) return;
    this.steps.push(["closer", this.pair[side], this.pair[1 - side]]);
    this.replay();
  }

  /** Put a place where another stands; those between make room. */
  drag(place, index) {
    if (this.line.indexOf(place) === index) return;
    const before = this.classes[place];
    this.steps.push(["move", place, index]);
    this.replay();
    if (this.classes[place] !== before) this.active = place;
  }

  move(by) {
    const at = this.line.indexOf(this.active);
    if (!this.pair) this.active = this.line[(at + by + this.places) % this.places];
  }

  back() {
    const step = this.steps.pop();
    if (!step) return false;
    this.replay();
    if (step[0] === "rate") this.active = step[1];
    return true;
  }
}

function pairKey(one, other) {
  return one < other ? `${one},${other}` : `${other},${one}`;
}
