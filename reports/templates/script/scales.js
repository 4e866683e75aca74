// Scales: numbers onto 0..1, and round ticks.

// The least and the greatest of a list of any length: a call takes only so many arguments.
const ends = (list, endsOf = (value) => [value, value]) => {
  let [low, high] = [Infinity, -Infinity];
  for (const one of list) {
    const [from, to] = endsOf(one);
    if (from < low) low = from;
    if (to > high) high = to;
  }
  return [low, high];
};

// `place` says where a number lies on a ruler, and `number` which one lies there.
class Scale {
  constructor(low, high, { ticks, label }, place = Number, number = Number) {
    const from = place(low);
    Object.assign(this, { low, high, ticks, label, place, number, from, span: place(high) - from });
  }

  // 0 at the low end, 1 at the high end; outside of them too.
  part(value) {
    return (this.place(value) - this.from) / this.span;
  }

  // The same, cut off at the ends.
  at(value) {
    return Math.min(1, Math.max(0, this.part(value)));
  }

  valueAt(part) {
    if (part <= 0 || part >= 1) return part <= 0 ? this.low : this.high;
    return this.number(this.from + part * this.span);
  }
}

const niceStep = (step) => {
  const power = 10 ** Math.floor(Math.log10(step));
  return power * ([1, 2, 5].find((digit) => digit * power >= step * (1 - 1e-9)) ?? 10);
};

// A tick's number with the digits that the step asks for; with an exponent where it would be
// long without.
const linearLabel = (tick, step) => {
  if (tick === 0) return "0";
  const decimals = -Math.floor(Math.log10(step * 1.001));
  if (Math.abs(tick) < 1e7 && decimals <= 6) return tick.toFixed(Math.max(0, decimals));
  const digits = Math.floor(Math.log10(Math.abs(tick) * 1.001)) + decimals;
  return tick.toExponential(Math.min(12, Math.max(0, digits))).replace("e+", "e");
};

// Ticks at multiples of a round step.
const multiples = (low, high, step) => {
  const ticks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index += 1) ticks.push(index * step);
  return { ticks, label: (tick) => linearLabel(tick, step) };
};

// Limits between which ticks can be told from each other.
const GREATEST = 1e300;
const bounded = (value, low, high) => Math.min(high, Math.max(low, value));
const toldApart = (from, to) => {
  const [low, high] = [from, to].map((value) => bounded(value, -GREATEST, GREATEST));
  const apart = Math.max(1e-290, 1e-9 * Math.max(Math.abs(low), Math.abs(high)));
  if (high - low >= apart) return [low, high];
  const middle = low / 2 + high / 2;
  const half = high > low ? apart : Math.max(0.5, apart);
  return [middle - half, middle + half];
};

const linear = (from, to) => {
  const [low, high] = toldApart(from, to);
  const step = niceStep((high - low) / 5);
  const [first, last] = [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
  return new Scale(first, last, multiples(first, last, step));
};

// Just the range, with round ticks inside it.
const range = (from, to, whole = false) => {
  const [low, high] = toldApart(from, to);
  const step = niceStep((high - low) / 5);
  return new Scale(low, high, multiples(low, high, whole ? Math.max(1, step) : step));
};

const whole = (last) => {
  const step = Math.max(1, niceStep(last / 6));
  const marks = multiples(step, last, step);
  if (step > 1) marks.ticks.unshift(1);
  return last > 1 ? new Scale(1, last, marks) : new Scale(0.5, 1.5, marks);
};

const short = (value) => (value >= 1e-3 && value < 1e5 ? String(value) : value.toExponential().replace("e+", "e"));

// `inside`: exactly the range. Else the range is widened to the ticks around it.
const MOST_TICKS = 6;
const logarithmic = (from, to, inside = false) => {
  const [low, high] = (inside ? toldApart(from, to) : [from, to]).map((value) => bounded(value, 1 / GREATEST, GREATEST));
  const all = [];
  for (let power = Math.floor(Math.log10(low) + 1e-9); power <= Math.ceil(Math.log10(high)) + 1; power += 1) {
    for (const digit of [1, 2, 5]) all.push(Number(`${digit}e${power}`));
  }
  const below = Math.max(0, all.findLastIndex((tick) => tick <= low * (1 + 1e-9)));
  const above = Math.max(below + 1, all.findIndex((tick) => tick >= high * (1 - 1e-9)));
  const [first, last] = inside ? [low, high] : [all[below], all[above]];
  let ticks = all.slice(below, above + 1).filter((tick) => tick >= first && tick <= last);
  if (ticks.length > MOST_TICKS) ticks = ticks.filter((tick) => tick.toExponential().startsWith("1e"));
  const every = Math.ceil(ticks.length / MOST_TICKS);
  // A small part of a decade has none of these ticks.
  const marks = ticks.length < 2 ? range(low, high) : { ticks: ticks.filter((_, index) => index % every === 0), label: short };
  return new Scale(first, last, marks, (value) => Math.log10(Math.max(value, Number.MIN_VALUE)), (place) => 10 ** place);
};

// As far below 1 as above.
const RATIOS = [1.05, 1.1, 1.2, 1.5, ...[0, 1, 2, 3, 4, 5].flatMap((power) => [2, 3, 5, 10].map((digit) => digit * 10 ** power))];
const ratios = (values) => {
  const [, most] = ends(values.map((value) => (value > 1 ? value : 1 / value)).filter(Number.isFinite));
  const furthest = bounded(most, 1.01, GREATEST);
  const outer = RATIOS.find((ratio) => ratio >= furthest) ?? furthest;
  const inner = RATIOS.findLast((ratio) => ratio <= Math.sqrt(outer) * 1.02);
  const above = inner ? [inner, outer] : [outer];
  const ticks = [...above.map((tick) => 1 / tick).reverse(), 1, ...above];
  const label = (tick) => `${short(Number(tick.toPrecision(3)))}×`;
  return new Scale(1 / outer, outer, { ticks, label }, Math.log, Math.exp);
};

// Three significant digits, without an exponent where one can do without.
const significant = (value) => {
  if (!Number.isFinite(value)) return "not finite";
  if (value === 0) return "0";
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  return magnitude > 4 || magnitude < -4 ? value.toExponential(2).replace("e+", "e") : value.toFixed(Math.max(0, 2 - magnitude));
};
