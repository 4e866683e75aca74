// A sweep: a quantity against what was varied. What did not get there is a cross in a lane above.
{
  const [HEIGHT, LANE, INSET, BESIDE] = [270, 36, 16, 6];
  const LEAST_SPAN = 0.05;
  const CROSS = "M-4-4L4 4M-4 4L4-4";

  const heightScale = ({ scale, epochs, lines }, fewest, most) => {
    const [low, high] = ends(lines.flatMap(({ points }) => points.flatMap(({ value }) => (value ? [value] : []))), ([, from, to]) => [from, to]);
    if (scale === "whole") return linear(0, epochs);
    if (scale === "zero") return linear(0, high);
    if (scale === "ratio") return logarithmic(Math.min(1, low), Math.max(high, most / fewest));
    // Accuracies that differ by less look alike.
    const spare = Math.max(0, (LEAST_SPAN - (high - low)) / 2);
    return linear(low - spare, high + spare);
  };

  // A tick at every value that was tried, with a number where there is room for it.
  const marksBelow = (values, px, bottom) => {
    let last = -Infinity;
    return values.map((value) => {
      const x = px(value);
      const number = x - last < 26 ? "" : tick(x.toFixed(1), bottom + 17, "middle", short(value));
      if (number) last = x;
      return `<line class="axis" x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${bottom}" y2="${bottom + 4}"/>${number}`;
    }).join("");
  };

  const pointOf = (x, { value, share }, py) => {
    const [median, least, greatest] = value.map((one) => py(one).toFixed(1));
    const range = value[1] < value[2] ? `<line class="range" x1="${x}" x2="${x}" y1="${least}" y2="${greatest}"/>` : "";
    const some = share ? tick(x, Number(least) + 18, "middle", escaped(share)) : "";
    return `${range}<circle class="point" cx="${x}" cy="${median}" r="4"/>${some}`;
  };

  const draw = (drawn, title) => {
    const { axis, quantity, lines } = drawn;
    const values = [...new Set(lines.flatMap(({ points }) => points.map(({ at }) => at)))].sort((a, b) => a - b);
    const [fewest, most] = [values[0], values.at(-1)];
    const isMissed = lines.some(({ points }) => points.some((point) => point.is_missed));
    const hasLabels = lines.length <= MOST_LABELS;
    const room = hasLabels ? LABEL.indent + LABEL.character * ends(lines, (one) => [0, [...nameOf(one)].length])[1] : 14;
    const [left, right, bottom, top] = [FRAME.left, FRAME.width - room, HEIGHT - 42, FRAME.top + (isMissed ? LANE : 6)];
    const [across, up] = [logarithmic(fewest, most, true), heightScale(drawn, fewest, most)];
    const px = (value) => left + INSET + across.at(value) * (right - left - 2 * INSET);
    const py = (value) => bottom - up.at(value) * (bottom - top);
    const inLane = top - 12;

    const placed = lines.map((line, index) => {
      const beside = (index - (lines.length - 1) / 2) * Math.min(BESIDE, 24 / lines.length);
      const points = line.points.map((point) => ({ ...point, x: (px(point.at) + beside).toFixed(1) }));
      const end = points.findLast((point) => point.value || point.is_missed);
      return { ...line, points, end: end && { x: Number(end.x), y: end.value ? py(end.value[0]) : inLane } };
    });
    const curves = placed.map(({ colour, dash, points }) => {
      const known = points.map((point, index) => (point.value ? `${points[index - 1]?.value ? "L" : "M"}${point.x} ${py(point.value[0]).toFixed(1)}` : ""));
      const marks = points.map((point) => {
        if (point.value) return pointOf(point.x, point, py);
        return point.is_missed ? `<path class="missed" transform="translate(${point.x} ${inLane})" d="${CROSS}"/>` : "";
      });
      return `<g class="${look(colour, dash)}"><path class="line" stroke-dasharray="${dash}" d="${known.join("")}"/>${marks.join("")}</g>`;
    });
    const named = hasLabels ? placed.filter(({ end }) => end) : [];
    const places = spread(named.map(({ end }) => end.y), Math.min(LABEL.gap, (bottom - FRAME.top) / Math.max(1, named.length)), FRAME.top + 6, bottom);
    const names = named.map((line, index) => {
      const y = Number(places[index].toFixed(1));
      return `<g class="${look(line.colour, line.dash)}"><path class="leader" d="M${(line.end.x + 6).toFixed(1)} ${line.end.y.toFixed(1)}L${right + 6} ${y}"/><path class="line" stroke-dasharray="${line.dash}" d="M${right + 6} ${y}H${right + 20}"/><text class="name" x="${right + 24}" y="${y + 4}">${escaped(nameOf(line))}</text></g>`;
    });
    const lane = isMissed ? `<line class="axis" x1="${left}" x2="${right}" y1="${top - 1}" y2="${top - 1}"/>${tick(left + 2, FRAME.top + 8, "start", drawn.missed)}` : "";
    const ideal = drawn.scale === "ratio" ? `<path class="target" d="M${px(fewest)} ${py(1)}L${px(most)} ${py(most / fewest)}"/>${tick(px(most), py(most / fewest) - 6, "end", "each thread its share")}` : "";
    const axes = [
      heights(up, right, py), marksBelow(values, px, bottom),
      `<line class="axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>`,
      tick((left + right) / 2, bottom + 35, "middle", `${axis} (logarithmic)`), lane, ideal,
    ].join("");
    const description = lines.map(({ label, points }) => `${label}: ${points.map(({ at, told }) => `${told} at ${axis} ${at}`).join(", ")}`).join("; ");
    return chart(`class="sweep" viewBox="0 0 ${FRAME.width} ${HEIGHT}"`, title, `${quantity}. ${description}`, axes + curves.join("") + names.join(""));
  };

  for (const figure of all('figure[data-chart="sweep"]')) {
    drawWhenNear(figure, () => {
      const plot = figure.querySelector(".plot");
      plot.innerHTML = draw(JSON.parse(plot.dataset.drawn), `${figure.querySelector("figcaption").textContent}, ${plot.dataset.title}`);
      giveTools(figure);
    });
  }
}
