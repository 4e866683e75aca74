// Draws a plot of curves again, as `plot.rs` does, for another range or another axis.
const SVG_SIZE = { width: 420, height: 270 };

class Plot {
  constructor(figure) {
    const { group, x, y } = figure.dataset;
    this.figure = figure;
    this.svg = figure.querySelector(".plot > svg");
    [this.left, this.top, this.right, this.bottom] = this.svg.dataset.plot.split(" ").map(Number);
    this.group = groups[group];
    this.against = x;
    this.quantity = y;
    this.isLogarithmic = this.svg.dataset.scale === "logarithmic";
    this.range = null;
    this.setScales();
  }

  // A series' points that have the quantity.
  points(series) {
    const points = series.epochs.map((epoch, index) => ({
      epoch, seconds: series.seconds[index], x: series[this.against][index], y: series[this.quantity][index],
    }));
    return points.filter((point) => point.y && (!this.isLogarithmic || point.x > 0));
  }

  isInside(point) {
    return !this.range || (point.x >= this.range[0] && point.x <= this.range[1]);
  }

  setScales() {
    this.series = this.group.series.map((series) => ({ label: series.label, colour: series.colour, points: this.points(series) }));
    const points = this.series.flatMap((series) => series.points);
    const inside = points.filter((point) => this.isInside(point));
    const shown = inside.length ? inside : points;
    const values = shown.flatMap((point) => [point.y[1], point.y[2]]).concat(this.range ? [] : this.group.targets[this.quantity]);
    const xs = points.map((point) => point.x);
    const [least, greatest] = this.range ?? [Math.min(...xs), Math.max(...xs)];
    if (this.isLogarithmic) this.x = logarithmic(least, greatest, Boolean(this.range));
    else if (this.range) this.x = range(least, greatest, this.against === "epochs");
    else this.x = this.against === "epochs" ? whole(greatest) : linear(0, greatest);
    this.y = linear(Math.min(...values), Math.max(...values));
  }

  px(x) {
    // Outside of the range too, so that lines lead there; the inner svg element cuts them off.
    const { low, high } = this.x;
    const part = this.isLogarithmic ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low);
    return this.left + part * (this.right - this.left);
  }

  py(y) {
    return this.bottom - ((y - this.y.low) / (this.y.high - this.y.low)) * (this.bottom - this.top);
  }

  // The value at a part of the plot's width.
  valueAt(part) {
    const { low, high } = this.x;
    return this.isLogarithmic ? low * (high / low) ** part : low + part * (high - low);
  }

  draw() {
    this.setScales();
    this.svg.dataset.scale = this.isLogarithmic ? "logarithmic" : "linear";
    this.svg.querySelector(".axes").innerHTML = this.axes();
    this.svg.querySelector(".targets").innerHTML = this.targets();
    this.series.forEach((series, index) => {
      for (const drawn of all(`[data-series="${index}"]`, this.svg)) {
        if (drawn.classList.contains("label")) this.lead(drawn, series);
        else this.curve(drawn, series);
      }
    });
  }

  axes() {
    const { left, right, bottom } = this;
    const label = (x, y, anchor, text) => `<text class="tick" x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${text}</text>`;
    const name = { epochs: "epoch", seconds: `seconds of training${this.isLogarithmic ? " (logarithmic)" : ""}` }[this.against];
    const heights = this.y.ticks.map((tick) => [this.py(tick), this.y.label(tick)]);
    const places = this.x.ticks.map((tick) => [this.px(tick), this.x.label(tick)]);
    return [
      ...heights.map(([y, text]) => `<line class="grid" x1="${left}" x2="${right}" y1="${y}" y2="${y}"/>${label(left - 8, y + 4, "end", text)}`),
      ...places.map(([x, text]) => `<line class="axis" x1="${x}" x2="${x}" y1="${bottom}" y2="${bottom + 4}"/>${label(x, bottom + 17, "middle", text)}`),
      `<line class="axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>`,
      label((left + right) / 2, bottom + 35, "middle", name),
    ].join("");
  }

  targets() {
    const passed = (target) => this.series.some(({ points }) => points.length && points.at(-1).y[2] > target);
    const inside = this.group.targets[this.quantity].filter((target) => target >= this.y.low && target <= this.y.high);
    return inside.map((target) => {
      const y = this.py(target);
      const [x, anchor] = passed(target) ? [this.right - 4, "end"] : [this.left + 5, "start"];
      return `<line class="target" x1="${this.left}" x2="${this.right}" y1="${y}" y2="${y}"/><text class="tick" x="${x}" y="${y + 14}" text-anchor="${anchor}">target ${target}</text>`;
    }).join("");
  }

  curve(drawn, { points }) {
    const at = (point, index) => `${this.px(point.x).toFixed(1)} ${this.py(point.y[index]).toFixed(1)}`;
    const path = (list, index) => list.map((point) => at(point, index)).join("L");
    const set = (part, d) => drawn.querySelector(part)?.setAttribute("d", points.length ? d : "");
    set(".band", `M${path(points, 2)}L${path([...points].reverse(), 1)}Z`);
    // Broken where an epoch lacks the value.
    const line = points.map((point, index) => `${index && points[index - 1].epoch === point.epoch - 1 ? "L" : "M"}${at(point, 0)}`);
    set(".line", line.join(""));
    set(".dots", points.map((point) => `M${at(point, 0)}h0`).join(""));
  }

  // The thin line from a name to its curve's end, where that is in sight.
  lead(drawn, { points }) {
    const last = points.at(-1);
    const leader = drawn.querySelector(".leader");
    leader.classList.toggle("off", !last || !this.isInside(last));
    if (last) leader.setAttribute("d", leader.getAttribute("d").replace(/^M[^L]*/, `M${this.px(last.x) + 4} ${this.py(last.y[0])}`));
  }
}
