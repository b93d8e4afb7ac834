/* How fast somebody works, and when a break would do them good; times are milliseconds. */

const PAUSE = 2 * 60_000; // so long without an answer, and the person was resting
const RECENT = 20; // answers that the pace is taken from

class Pace {
  constructor(breakMinutes) {
    this.breakAfter = breakMinutes * 60_000; // 0: never suggest one
    this.since = null; // start of this stretch of work
    this.moments = []; // of the last answers
  }

  answered(now) {
    const last = this.moments[this.moments.length - 1];
    if (last === undefined || now - last > PAUSE) {
      this.since = now;
      this.moments = [];
    }
    this.moments.push(now);
    if (this.moments.length > RECENT + 1) this.moments.shift();
  }

  /** Answers a minute; null until there are enough to say. */
  get perMinute() {
    const n = this.moments.length - 1;
    if (n < 5) return null;
    const took = this.moments[n] - this.moments[0];
    return took > 0 ? (n * 60_000) / took : null;
  }

  /** Minutes of work without a pause, where a break is due; else 0. */
  breakDue(now) {
    if (!this.breakAfter || this.since === null) return 0;
    return now - this.since >= this.breakAfter ? Math.round((now - this.since) / 60_000) : 0;
  }

  /** The person rested, or wants to be asked later. */
  restart(now) {
    this.since = now;
  }
}
