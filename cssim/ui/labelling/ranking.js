/* The answer in the making, without any screen: places 0..n-1 are candidates from left to right.
 *
 * Rank: a class for each place, then, only where classes are equal, which of two is closer.
 * The order is sorted by class and, within a class, by those comparisons (binary insertion). */

class Ranking {
  constructor(places) {
    this.places = places;
    this.steps = []; // ["rate", place, class] | ["closer", place, other]: what Backspace takes back
    this.active = 0;
    this.replay();
  }

  replay() {
    this.classes = Array(this.places).fill(null);
    this.closer = new Map();
    for (const [kind, first, second] of this.steps) {
      if (kind === "rate") {
        if (this.classes[first] !== second) this.closer.clear();
        this.classes[first] = second;
      } else {
        this.closer.set(`${Math.min(first, second)},${Math.max(first, second)}`, first);
      }
    }
    this.sort();
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
      const tied = [...this.classes.keys()].filter((place) => this.classes[place] === value);
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
        const pair = [place, sorted[middle]].sort((a, b) => a - b);
        const winner = this.closer.get(pair.join(","));
        if (winner === undefined) {
          this.pair = pair;
          return null;
        }
        if (winner === place) high = middle;
        else low = middle + 1;
      }
      sorted.splice(low, 0, place);
    }
    return sorted;
  }

  rate(value) {
    if (this.pair) return;
    this.steps.push(["rate", this.active, value]);
    this.replay();
    const behind = (place) => (place - this.active - 1 + this.places) % this.places;
    const open = [...this.classes.keys()].filter((place) => this.classes[place] === null);
    if (open.length) this.active = open.sort((a, b) => behind(a) - behind(b))[0];
  }

  /** The left (0) or the right (1) of the lit pair is closer. */
  decide(side) {
    if (!this.pair) return;
    this.steps.push(["closer", this.pair[side], this.pair[1 - side]]);
    this.replay();
  }

  move(by) {
    if (!this.pair) this.active = (this.active + by + this.places) % this.places;
  }

  back() {
    const step = this.steps.pop();
    if (!step) return false;
    this.replay();
    if (step[0] === "rate") this.active = step[1];
    return true;
  }
}
