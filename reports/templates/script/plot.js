// A plot of curves: drawn whole once, then again for another range or another axis.
const SVG_SIZE = { width: FRAME.width, height: 270 };

// Room around the plot for what lies on its edge, and where more names than these could not be
// told apart at the right: the legend has them.
const [MARGIN, MOST_LABELS] = [5, 16];
const LABEL = { longest: 21, character: 6.6, indent: 28, gap: 14 };
const nameOf = ({ label }) => shortened(label, LABEL.longest);

// Heights for labels that want to be at `wanted`, at least `gap` apart and within the plot as
// far as they fit there.
const spread = (wanted, gap, low, high) => {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a] - wanted[b]);
  const found = [...wanted];
  let least = low;
  for (const index of order) least = (found[index] = Math.max(found[index], least)) + gap;
  let most = high;
  for (const index of order.reverse()) most = (found[index] = Math.min(found[index], most)) - gap;
  return found;
};

class Plot {
  constructor(figure) {
    const { group, x, y } = figure.dataset;
    this.figure = figure;
    this.group = groups[group];
    this.against = x;
    this.quantity = y;
    const { series } = this.group;
    this.hasLabels = series.length <= MOST_LABELS;
    const room = this.hasLabels ? LABEL.indent + LABEL.character * ends(series, (one) => [0, [...nameOf(one)].length])[1] : 14;
    Object.assign(this, { left: FRAME.left, top: FRAME.top, right: FRAME.width - room, bottom: SVG_SIZE.height - 42, range: null });
    this.whole = series.map((one) => ({ ...one, points: this.points(one) }));
    const [from, to] = ends(this.whole.flatMap(({ points }) => points), (point) => [point.x, point.x]);
    this.isLogarithmic = x === "seconds" && from > 0 && to > 20 * from;
    this.setScales();
    const plot = figure.querySelector(".plot");
    plot.innerHTML = this.frame();
    this.svg = plot.firstElementChild;
    this.drawInside();
  }

  // Everything but what depends on the scales.
  frame() {
    const { left, top, right, bottom, group } = this;
    const [x, y, width, height] = [left - MARGIN, top - MARGIN, right - left + 2 * MARGIN, bottom - top + 2 * MARGIN];
    const curves = this.series.map(({ colour, dash, points, isHidden }, index) => {
      const band = points.some((point) => point.y[1] < point.y[2]) ? '<path class="band"/>' : "";
      return `<g class="series c${colour}${isHidden ? " off" : ""}" data-series="${index}">${band}<path class="line" stroke-dasharray="${dash}"/><path class="dots"/></g>`;
    });
    // An inner svg element cuts off what a zoomed curve has outside.
    const inner = `<svg x="${x}" y="${y}" width="${width}" height="${height}" viewBox="${x} ${y} ${width} ${height}">${curves.join("")}</svg>`;
    const caption = this.figure.querySelector(".title") ?? this.figure.querySelector("figcaption");
    return chart(`class="curve" viewBox="0 0 ${SVG_SIZE.width} ${SVG_SIZE.height}"`, `${caption.textContent}, ${group.title}`, this.inWords(),
      `<g class="axes"></g><g class="targets"></g>${inner}${this.hasLabels ? this.labels() : ""}`);
  }

  show(value) {
    return this.quantity === "loss" ? significant(value) : value.toFixed(4);
  }

  // The last values, for those who do not see the plot.
  inWords() {
    const ends = this.series.filter(({ points }) => points.length).map(({ label, points }) => {
      const { epoch, seconds, y } = points.at(-1);
      return `${label}: ${this.show(y[0])} after epoch ${epoch}${this.against === "seconds" ? `, ${significant(seconds)} s` : ""}`;
    });
    return ends.join("; ");
  }

  // Names at the right, each joined to its line's end.
  labels() {
    const named = this.series.map((one, index) => ({ ...one, index })).filter(({ points }) => points.length);
    const gap = Math.min(LABEL.gap, Math.max(1, (this.bottom - this.top) / named.length));
    const places = spread(named.map(({ points }) => this.py(points.at(-1).y[0])), gap, this.top, this.bottom);
    const [from, to] = [this.right + 6, this.right + 20];
    return named.map((one, place) => {
      const y = places[place].toFixed(1);
      return `<g class="series label c${one.colour}${one.isHidden ? " off" : ""}" data-series="${one.index}"><path class="leader" d="M0 0L${from} ${y}"/><path class="line" stroke-dasharray="${one.dash}" d="M${from} ${y}H${to}"/><text class="name" x="${to + 4}" y="${Number(y) + 4}">${escaped(nameOf(one))}</text></g>`;
    }).join("");
  }

  // A series' points that have the quantity.
  points(series) {
    const points = series.epochs.map((epoch, index) => ({
      epoch, seconds: series.seconds[index], x: series[this.against][index], y: series[this.quantity][index],
    }));
    return points.filter((point) => point.y);
  }

  isInside(point) {
    return !this.range || (point.x >= this.range[0] && point.x <= this.range[1]);
  }

  setScales() {
    const isPlaced = (point) => !this.isLogarithmic || point.x > 0;
    this.series = this.whole.map((series) => ({ ...series, points: series.points.filter(isPlaced) }));
    const points = this.series.flatMap((series) => series.points);
    const inside = this.range ? points.filter((point) => this.isInside(point)) : points;
    const [lowest, highest] = ends(inside.length ? inside : points, ({ y }) => [y[1], y[2]]);
    const targets = this.range ? [] : this.group.targets[this.quantity];
    const [from, to] = this.range ?? ends(points, ({ x }) => [x, x]);
    if (this.isLogarithmic) this.x = logarithmic(from, to, Boolean(this.range));
    else if (this.range) this.x = range(from, to, this.against === "epochs");
    else this.x = this.against === "epochs" ? whole(to) : linear(0, to);
    this.y = linear(Math.min(lowest, ...targets), Math.max(highest, ...targets));
  }

  // Outside of the range too, so that lines lead there; the inner svg element cuts them off.
  px(x) {
    return this.left + this.x.part(x) * (this.right - this.left);
  }

  py(y) {
    return this.bottom - this.y.part(y) * (this.bottom - this.top);
  }

  draw() {
    this.setScales();
    this.drawInside();
  }

  drawInside() {
    this.svg.dataset.scale = this.isLogarithmic ? "logarithmic" : "linear";
    this.svg.querySelector(".axes").innerHTML = this.axes();
    this.svg.querySelector(".targets").innerHTML = this.targets();
    for (const drawn of all("[data-series]", this.svg)) {
      const series = this.series[drawn.dataset.series];
      if (drawn.classList.contains("label")) this.lead(drawn, series);
      else this.curve(drawn, series);
    }
  }

  axes() {
    const { left, right, bottom } = this;
    const name = { epochs: "epoch", seconds: `seconds of training${this.isLogarithmic ? " (logarithmic)" : ""}` }[this.against];
    const marks = this.x.ticks.map((value) => {
      const x = this.px(value).toFixed(1);
      return `<line class="axis" x1="${x}" x2="${x}" y1="${bottom}" y2="${bottom + 4}"/>${tick(x, bottom + 17, "middle", this.x.label(value))}`;
    });
    return [
      heights(this.y, right, (value) => this.py(value)),
      ...marks,
      `<line class="axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>`,
      tick((left + right) / 2, bottom + 35, "middle", name),
    ].join("");
  }

  targets() {
    const passed = (target) => this.series.some(({ points }) => points.length && points.at(-1).y[2] > target);
    const inside = this.group.targets[this.quantity].filter((target) => target >= this.y.low && target <= this.y.high);
    return inside.map((target) => {
      const y = this.py(target);
      const [x, anchor] = passed(target) ? [this.right - 4, "end"] : [this.left + 5, "start"];
      return `<line class="target" x1="${this.left}" x2="${this.right}" y1="${y}" y2="${y}"/>${tick(x, y + 14, anchor, `target ${target}`)}`;
    }).join("");
  }

  curve(drawn, { points }) {
    const xs = points.map(({ x }) => this.px(x).toFixed(1));
    const places = (index) => points.map(({ y }, point) => `${xs[point]} ${this.py(y[index]).toFixed(1)}`);
    const [line, dots, band] = [drawn.querySelector(".line"), drawn.querySelector(".dots"), drawn.querySelector(".band")];
    const medians = places(0);
    // Broken where an epoch lacks the value.
    line.setAttribute("d", medians.map((place, index) => `${points[index - 1]?.epoch === points[index].epoch - 1 ? "L" : "M"}${place}`).join(""));
    dots.setAttribute("d", medians.map((place) => `M${place}h0`).join(""));
    band?.setAttribute("d", points.length ? `M${places(2).join("L")}L${places(1).reverse().join("L")}Z` : "");
  }

  // The thin line from a name to its curve's end, where that is in sight.
  lead(drawn, { points }) {
    const last = points.at(-1);
    const leader = drawn.querySelector(".leader");
    leader.classList.toggle("off", !last || !this.isInside(last));
    if (last) leader.setAttribute("d", leader.getAttribute("d").replace(/^M[^L]*/, `M${this.px(last.x) + 4} ${this.py(last.y[0])}`));
  }
}
