// Charts of one row per cell. Lengths are percentages and text is not scaled, so that a chart is
// as legible on a telephone as on a wide screen.
{
  // Heights, the per cent of the width that the scale fills (the rest is room for the last
  // number), and characters of a name that leave room for its value.
  const [ROW, ROW_OF_WORDS, AXIS, TO, LONGEST_NAME] = [56, 50, 40, 96, 26];

  // The values that a mark stands at.
  const valuesOf = ({ bar, point, whisker, sample }) => bar?.slice(0, 2) ?? whisker ?? sample?.slice(0, 1) ?? [point];
  const values = (rows) => rows.flatMap(({ marks }) => marks.flatMap(valuesOf));
  // A bar has no length on a logarithmic axis and is hidden there: the point at its end remains.
  const valuesWithoutBars = (rows) => rows.flatMap(({ marks }) => marks.filter((mark) => !mark.bar && !mark.sample).flatMap(valuesOf));

  const SCALES = {
    linear: (rows) => linear(0, ends(values(rows))[1]),
    logarithmic: (rows) => {
      const positive = (list) => list.filter((value) => value > 0);
      return logarithmic(ends(positive(valuesWithoutBars(rows)))[0], ends(values(rows))[1]);
    },
    ratio: (rows) => ratios(values(rows)),
  };

  const axisOf = ({ axis, kind }, scale, place, bottom) => {
    const ticks = scale.ticks.map((value) => {
      const x = place(value);
      const line = `<line class="${kind === "ratio" && value === 1 ? "one" : "grid"}" x1="${x}%" x2="${x}%" y1="22" y2="${bottom}"/>`;
      return line + tick(`${x}%`, bottom + 16, x < 4 ? "start" : "middle", scale.label(value));
    });
    const note = kind === "linear" ? "" : " (logarithmic axis)";
    return `<g class="axes">${ticks.join("")}<text class="tick" x="0" y="${bottom + 34}">${axis}${note}</text></g>`;
  };

  const MARKS = {
    bar: ([from, to, shade], place, top) =>
      `<rect class="bar s${shade}" x="${place(from)}%" y="${top + 23}" width="${(place(to) - place(from)).toFixed(2)}%" height="14"/>`,
    point: (at, place, top) => `<circle class="point" cx="${place(at)}%" cy="${top + 30}" r="5"/>`,
    whisker: (ends, place, top) => {
      const [low, high] = ends.map(place);
      const line = (x1, x2, y1, y2) => `<line x1="${x1}%" x2="${x2}%" y1="${top + y1}" y2="${top + y2}"/>`;
      return `<g class="whisker">${line(low, high, 30, 30)}${line(low, low, 25, 35)}${line(high, high, 25, 35)}</g>`;
    },
    sample: ([at, told], place, top) =>
      `<line class="sample" x1="${place(at)}%" x2="${place(at)}%" y1="${top + 40}" y2="${top + 46}"><title>${escaped(told)}</title></line>`,
  };

  const drawRow = ({ colour, dash, label, detail, value, after, marks }, place, top) => {
    const begun = `<g class="row ${look(colour, dash)}"><text class="name" x="0" y="${top + 15}">${escaped(shortened(label, LONGEST_NAME))}</text>`;
    if (!marks.length) return `${begun}<text class="words" x="0" y="${top + 33}">${escaped(value)}</text></g>`;
    const part = (kind, text) => `<tspan class="${kind}">${escaped(text)}</tspan>`;
    const said = part("detail", detail) + part("shown", value) + part("detail", after);
    const drawn = marks.map((mark) => {
      const [[kind, values]] = Object.entries(mark);
      return MARKS[kind](values, place, top);
    });
    return `${begun}<text class="value" x="${TO}%" y="${top + 15}" text-anchor="end">${said}</text>${drawn.join("")}</g>`;
  };

  // `kind` is one of the scales.
  const draw = (plot, rowChart) => {
    const { title, rows, kind } = rowChart;
    const scale = SCALES[kind](rows);
    const place = (value) => Number((scale.at(value) * TO).toFixed(2));
    let bottom = 0;
    const drawn = rows.map((row) => {
      const top = bottom;
      bottom += row.marks.length ? ROW : ROW_OF_WORDS;
      return drawRow(row, place, top);
    });
    const told = rows.map(({ label, detail, value, after }) => `${label}: ${detail}${value}${after}`).join("; ");
    plot.innerHTML = chart(`class="rows" width="100%" height="${bottom + AXIS}" data-scale="${kind}"`, title, told,
      axisOf(rowChart, scale, place, bottom) + drawn.join(""));
  };

  const drawRows = (figure) => {
    const plot = figure.querySelector(".plot");
    const rowChart = JSON.parse(plot.dataset.drawn);
    draw(plot, { ...rowChart, kind: "linear" });
    if (!figure.querySelector("figcaption")) return;
    giveTools(figure, toggle("axis", "log", `log axis: ${rowChart.title}`, false, (on) =>
      draw(plot, { ...rowChart, kind: on ? "logarithmic" : "linear" })));
  };

  // The baseline: every row says how many times as long it takes.
  const against = ({ cells, against }, baseline, group) => ({
    title: `seconds per epoch as multiples of ${cells.find(({ place }) => place === baseline).label}, ${group.title}`,
    axis: "times as long as the baseline",
    kind: "ratio",
    rows: cells.map((cell) => {
      const [estimate, low, high, verdict] = against[baseline][cell.place] ?? [1, null, null, "baseline"];
      const bracket = low === null ? "" : ` [${significant(low)}, ${significant(high)}]`;
      const marks = low === null ? [{ point: estimate }] : [{ point: estimate }, { whisker: [low, high] }];
      return { ...cell, detail: cell.place === baseline ? "" : `${significant(estimate)}×${bracket} `, value: verdict, after: "", marks };
    }),
  });

  const drawRatios = (figure) => {
    const plot = figure.querySelector(".plot");
    const ratiosOf = JSON.parse(plot.dataset.drawn);
    const select = figure.querySelector("select");
    const compare = () => {
      draw(plot, against(ratiosOf, Number(select.value), groups[figure.dataset.group]));
      figure.querySelector(".baseline").textContent = select.selectedOptions[0].textContent;
    };
    compare();
    giveTools(figure);
    select.closest(".choice").hidden = false;
    select.addEventListener("change", () => {
      compare();
      tell(`Compared with ${select.selectedOptions[0].textContent}`);
    });
  };

  for (const figure of all('.headline .shown, figure[data-chart="rows"]')) drawWhenNear(figure, () => drawRows(figure));
  for (const figure of all('figure[data-chart="relative"]')) drawWhenNear(figure, () => drawRatios(figure));
}
