// The events of the dashboard.
const EVENTS_MAX = 50_000;
const CHARACTERS_MAX = 64_000_000; // of the events' data, whatever their number

/** One line that says what is in the data. */
function summary(data) {
  if (data === null || typeof data !== "object") return String(data ?? "").slice(0, 240);
  const short = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  const pairs = Object.entries(data).filter(([key]) => key !== "timestamp");
  return pairs.map(([key, value]) => `${key}: ${short(value)}`.slice(0, 120)).join(" · ").slice(0, 240);
}

/** `time` in ms. Errors are events named `error` or `*_error`, and lines of a log at level ERROR. */
export function makeEvent(namespace, event, data, time) {
  const level = typeof data?.level === "string" ? data.level.toUpperCase() : "";
  const error = event === "error" || event.endsWith("_error") || level === "ERROR";
  return { namespace, event, time, error, json: JSON.stringify(data) ?? "", summary: summary(data), gone: false };
}

/** Events up to a limit, oldest first, those of them that the filter shows, and what there is to count. */
export class EventLog {
  all = [];
  shown = [];
  filter = { namespace: "", type: "", search: "" };
  #matches = () => true;
  #characters;
  total; // since the last clear()
  errors;
  byNamespace;
  byType;
  gone; // how many have left `shown` at its front; the one who draws sets this to 0

  constructor() {
    this.clear();
  }

  clear() {
    this.all = [];
    this.shown = [];
    this.gone = 0;
    this.#characters = this.total = this.errors = 0;
    this.byNamespace = new Map();
    this.byType = new Map();
  }

  add(event) {
    this.all.push(event);
    this.#count(event, 1);
    this.total += 1;
    this.errors += event.error;
    if (this.#matches(event)) this.shown.push(event);
    this.#forget();
  }

  /** Adds those of the history that are not here yet. */
  merge(history) {
    const key = ({ namespace, event, json }) => `${namespace} ${event} ${json}`;
    const known = new Map();
    for (const event of this.all) known.set(key(event), (known.get(key(event)) ?? 0) + 1);
    const missed = history.filter((event) => {
      const left = known.get(key(event)) ?? 0;
      known.set(key(event), left - 1);
      return left <= 0;
    });
    if (missed.length === 0) return;
    const all = [...this.all, ...missed].sort((a, b) => a.time - b.time);
    const forgotten = { total: this.total - this.all.length, errors: this.errors };
    for (const event of this.all) forgotten.errors -= event.error;
    this.clear();
    for (const event of all) this.add(event);
    this.total += forgotten.total;
    this.errors += forgotten.errors;
  }

  /** Every word of the search must be in the event's name or data. */
  select(filter) {
    this.filter = filter;
    const { namespace, type } = filter;
    const literally = (word) => new RegExp(word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
    const words = filter.search.split(/\s+/).filter(Boolean).map(literally);
    this.#matches = (event) =>
      (!namespace || event.namespace === namespace) &&
      (!type || event.event === type) &&
      words.every((word) => word.test(event.json) || word.test(event.event) || word.test(event.namespace));
    this.shown = this.all.filter(this.#matches);
    this.gone = 0;
  }

  /** How many there were in each of the 60 seconds before `now`. */
  lastMinute(now) {
    const seconds = new Array(60).fill(0);
    for (let n = this.all.length - 1; n >= 0 && this.all[n].time > now - 60_000; --n) {
      seconds[Math.max(0, Math.min(59, 59 - Math.floor((now - this.all[n].time) / 1000)))] += 1;
    }
    return seconds;
  }

  #count(event, by) {
    this.#characters += by * (event.json.length + event.summary.length);
    for (const [counts, name] of [[this.byNamespace, event.namespace], [this.byType, event.event]]) {
      const count = (counts.get(name) ?? 0) + by;
      if (count > 0) counts.set(name, count);
      else counts.delete(name);
    }
  }

  #forget() {
    let count = 0;
    while (this.all.length - count > EVENTS_MAX || (this.#characters > CHARACTERS_MAX && count < this.all.length)) {
      const event = this.all[count++];
      event.gone = true;
      this.#count(event, -1);
    }
    if (count === 0) return;
    this.all.splice(0, count);
    const first = this.shown.findIndex((event) => !event.gone);
    this.gone += this.shown.splice(0, first < 0 ? this.shown.length : first).length;
  }
}
