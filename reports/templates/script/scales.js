// Scales: numbers onto 0..1, and round ticks.
const niceStep = (step) => {
  const power = 10 ** Math.floor(Math.log10(step));
  return power * ([1, 2, 5].find((digit) => digit * power >= step * (1 - 1e-9)) ?? 10);
};
const between = (low, high, place = (value) => value) => (value) =>
  Math.min(1, Math.max(0, (place(value) - place(low)) / (place(high) - place(low))));

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
const toldApart = (from, to) => {
  const [low, high] = [from, to].map((value) => Math.min(GREATEST, Math.max(-GREATEST, value)));
  const least = Math.max(1e-290, 1e-9 * Math.max(Math.abs(low), Math.abs(high)));
  if (high - low >= least) return [low, high];
  const middle = low / 2 + high / 2;
  const half = high > low ? least : Math.max(0.5, least);
  return [middle - half, middle + half];
};

const linear = (from, to) => {
  const [low, high] = toldApart(from, to);
  const step = niceStep((high - low) / 5);
  const [first, last] = [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
  return { low: first, high: last, at: between(first, last), ...multiples(first, last, step) };
};

// Just the range, with round ticks inside it.
const range = (from, to, whole) => {
  const [low, high] = toldApart(from, to);
  const step = niceStep((high - low) / 5);
  return { low, high, at: between(low, high), ...multiples(low, high, whole ? Math.max(1, step) : step) };
};

const whole = (last) => {
  const step = Math.max(1, niceStep(last / 6));
  const { ticks, label } = multiples(step, last, step);
  if (step > 1) ticks.unshift(1);
  const [low, high] = last > 1 ? [1, last] : [0.5, 1.5];
  return { low, high, at: between(low, high), ticks, label };
};

// `inside`: exactly the range. Else the range is widened to the ticks around it.
const logarithmic = (low, high, inside = false) => {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low) + 1e-9); power <= Math.ceil(Math.log10(high)) + 1; power += 1) {
    for (const digit of [1, 2, 5]) ticks.push(Number(`${digit}e${power}`));
  }
  const below = Math.max(0, ticks.findLastIndex((tick) => tick <= low * (1 + 1e-9)));
  const above = Math.max(below + 1, ticks.findIndex((tick) => tick >= high * (1 - 1e-9)));
  let shown = ticks.slice(below, above + 1);
  const [first, last] = inside ? [low, high] : [shown[0], shown.at(-1)];
  shown = shown.filter((tick) => tick >= first && tick <= last);
  if (shown.length > 6) shown = shown.filter((tick) => Math.abs(Math.log10(tick) % 1) < 1e-9);
  return { low: first, high: last, at: between(first, last, (value) => Math.log10(Math.max(value, Number.MIN_VALUE))), ticks: shown,
    label: (tick) => (tick >= 1e-3 && tick < 1e5 ? String(tick) : tick.toExponential().replace("e+", "e")) };
};

// As far below 1 as above.
const RATIOS = [1.05, 1.1, 1.2, 1.5, ...[0, 1, 2, 3, 4, 5].flatMap((power) => [2, 3, 5, 10].map((digit) => digit * 10 ** power))];
const ratios = (values) => {
  const furthest = Math.max(1.01, ...values.map((value) => (value > 1 ? value : 1 / value)).filter((factor) => factor > 0 && Number.isFinite(factor)));
  const outer = RATIOS.find((ratio) => ratio >= furthest) ?? furthest;
  const inner = RATIOS.findLast((ratio) => ratio <= Math.sqrt(outer) * 1.02);
  const above = inner ? [inner, outer] : [outer];
  const ticks = [...above.map((tick) => 1 / tick).reverse(), 1, ...above];
  return { low: 1 / outer, high: outer, at: between(1 / outer, outer, Math.log), ticks,
    label: (tick) => `${Math.round(tick * 1e3) / 1e3}×` };
};

// Three significant digits, without an exponent where one can do without.
const significant = (value) => {
  if (!Number.isFinite(value)) return "not finite";
  if (value === 0) return "0";
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  return magnitude > 4 || magnitude < -4 ? value.toExponential(2) : value.toFixed(Math.max(0, 2 - magnitude));
};
