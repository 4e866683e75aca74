// Charts of rows: their marks carry their values and are placed again on another scale.
{
  const TO = 96;
  const numbers = (svg) => all("[data-at], [data-low], [data-from]", svg).flatMap((mark) =>
    ["at", "low", "high", "to"].filter((name) => name in mark.dataset).map((name) => Number(mark.dataset[name])));

  const setAxes = (svg, scale, place, note) => {
    const axes = svg.querySelector(".axes");
    const bottom = Number(svg.dataset.bottom);
    const name = axes.lastElementChild;
    name.querySelector(".axis-note").textContent = note;
    axes.innerHTML = scale.ticks.map((tick) => {
      const x = place(tick);
      const isOne = svg.dataset.scale === "ratio" && tick === 1;
      return `<line class="${isOne ? "one" : "grid"}" x1="${x}%" x2="${x}%" y1="22" y2="${bottom}"/><text class="tick" x="${x}%" y="${bottom + 16}" text-anchor="${x < 4 ? "start" : "middle"}">${scale.label(tick)}</text>`;
    }).join("");
    axes.append(name);
  };

  const setMarks = (svg, place) => {
    const set = (mark, values) => { for (const [name, value] of Object.entries(values)) mark.setAttribute(name, `${value}%`); };
    for (const mark of all("[data-at]", svg)) {
      const x = place(Number(mark.dataset.at));
      set(mark, mark.tagName === "circle" ? { cx: x } : { x1: x, x2: x });
    }
    for (const mark of all("[data-from]", svg)) {
      const x = place(Number(mark.dataset.from));
      set(mark, { x, width: Math.max(0, place(Number(mark.dataset.to)) - x) });
    }
    for (const mark of all("[data-low]", svg)) {
      const [low, high] = [place(Number(mark.dataset.low)), place(Number(mark.dataset.high))];
      [[low, high], [low, low], [high, high]].forEach(([x1, x2], index) => set(mark.children[index], { x1, x2 }));
    }
  };

  const draw = (svg, scale, note = "") => {
    const place = (value) => scale.at(value) * TO;
    setAxes(svg, scale, place, note);
    setMarks(svg, place);
  };

  for (const figure of all('figure[data-chart="rows"]')) {
    const svg = figure.querySelector(".plot > svg");
    const title = svg.querySelector("title").textContent;
    giveTools(figure, toggle("axis", "log", `log axis: ${title}`, false, (on) => {
      const values = numbers(svg).filter((value) => value > 0);
      svg.dataset.scale = on ? "logarithmic" : "linear";
      // The marks of a bar's parts are hidden then, so that the axis is of what remains.
      const shown = on ? all(".point", svg).map((mark) => Number(mark.dataset.at)).concat(all("[data-low]", svg).map((mark) => Number(mark.dataset.low))).filter((value) => value > 0) : values;
      draw(svg, on ? logarithmic(Math.min(...shown), Math.max(...values)) : linear(0, Math.max(...values)), on ? " (logarithmic axis)" : "");
    }));
  }

  // The baseline: every row says how many times as long it takes.
  const compare = (figure, baseline, name) => {
    const svg = figure.querySelector(".plot > svg");
    const ratiosOf = groups[figure.dataset.group].relative[baseline];
    for (const row of all(".row", svg)) {
      const [estimate, low, high, verdict] = ratiosOf[row.dataset.cell] ?? [1, null, null, "baseline"];
      const isBaseline = row.dataset.cell === baseline;
      const bracket = low === null ? "" : ` [${significant(low)}, ${significant(high)}]`;
      row.querySelector(".detail").textContent = isBaseline ? "" : `${significant(estimate)}×${bracket} `;
      row.querySelector(".shown").textContent = verdict;
      row.querySelector(".point").dataset.at = estimate;
      row.querySelector(".whisker")?.remove();
      if (low !== null) addWhisker(row, low, high);
    }
    for (const title of all(".baseline", figure)) title.textContent = name;
    svg.querySelector("title").textContent = `seconds per epoch as multiples of ${name}`;
    svg.querySelector("desc").textContent = all(".row", svg).map((row) => `${row.querySelector(".name").textContent}: ${row.querySelector(".value").textContent}`).join("; ");
    draw(svg, ratios(numbers(svg)), " (logarithmic axis)");
    tell(`Compared with ${name}`);
  };

  const addWhisker = (row, low, high) => {
    const middle = Number(row.querySelector(".point").getAttribute("cy"));
    const line = (y1, y2) => `<line y1="${y1}" y2="${y2}"/>`;
    row.insertAdjacentHTML("beforeend", `<g class="whisker" data-low="${low}" data-high="${high}">${line(middle, middle)}${line(middle - 5, middle + 5).repeat(2)}</g>`);
  };

  for (const figure of all('figure[data-chart="relative"]')) {
    giveTools(figure);
    const select = figure.querySelector("select");
    select.closest(".choice").hidden = false;
    select.addEventListener("change", () => compare(figure, select.value, select.selectedOptions[0].textContent));
    if (select.selectedIndex > 0) compare(figure, select.value, select.selectedOptions[0].textContent);
  }
}
document.documentElement.dataset.ready = performance.now().toFixed();
