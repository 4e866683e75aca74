// A learned parameter: the channels in a row, and in each the cells side by side.
{
  const [HEIGHT, SHARED] = [230, 0.7];
  const [right, bottom] = [FRAME.width - 6, HEIGHT - 42];
  const draw = (cells, title) => {
    const values = cells.flatMap(({ points }) => points.filter(Boolean).flat());
    const scale = linear(...ends(values));
    const place = (value) => bottom - scale.at(value) * (bottom - FRAME.top);
    const y = (value) => place(value).toFixed(1);
    const channels = ends(cells, ({ points }) => [0, points.length])[1];
    const width = (right - FRAME.left) / channels;
    const numbers = Array.from({ length: channels }, (_, channel) =>
      tick((FRAME.left + width * (channel + 0.5)).toFixed(1), bottom + 17, "middle", channel + 1));
    const marks = cells.map(({ colour, dash, points }, index) => {
      const offset = (index + 0.5) / cells.length - 0.5;
      const point = (value, channel) => {
        if (!value) return "";
        const [median, low, high] = value;
        const x = (FRAME.left + width * (channel + 0.5 + SHARED * offset)).toFixed(1);
        const range = low < high ? `<line class="range" x1="${x}" x2="${x}" y1="${y(low)}" y2="${y(high)}"/>` : "";
        return `${range}<circle class="point" cx="${x}" cy="${y(median)}" r="3.5"/>`;
      };
      return `<g class="${look(colour, dash)}">${points.map(point).join("")}</g>`;
    });
    const axes = heights(scale, right, place) + numbers.join("") + tick((FRAME.left + right) / 2, bottom + 35, "middle", "channel");
    return chart(`class="channels" viewBox="0 0 ${FRAME.width} ${HEIGHT}"`, title,
      "Points are medians over seeds, lines least to greatest. The table has the numbers.", axes + marks.join(""));
  };
  for (const figure of all('figure[data-chart="channels"]:has(.plot)')) {
    drawWhenNear(figure, () => {
      const plot = figure.querySelector(".plot");
      plot.innerHTML = draw(JSON.parse(plot.dataset.drawn), figure.querySelector("figcaption").textContent);
      giveTools(figure);
    });
  }
}
