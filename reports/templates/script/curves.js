// Curves: values under the pointer or the keyboard's cursor, zoom, a logarithmic axis.
{
  const MOST_READ = 10;
  const readout = make("div", { id: "readout", className: "readout", role: "status", "aria-live": "polite", hidden: true });
  document.body.append(readout);

  // Of every shown series the point nearest to x, the best value first.
  const nearest = (plot, x) => {
    const distance = (point) => Math.abs(plot.px(point.x) - plot.px(x));
    const found = plot.series.flatMap(({ label, colour, points }, index) => {
      const near = points.filter((point) => plot.isInside(point));
      if (!near.length || plot.group.series[index].isHidden) return [];
      return [{ label, colour, ...near.reduce((best, point) => (distance(point) < distance(best) ? point : best)) }];
    });
    const direction = plot.quantity === "loss" ? 1 : -1;
    return found.sort((a, b) => direction * (a.y[0] - b.y[0]));
  };

  const inWords = (plot, { label, epoch, y: [median, low, high] }) => {
    const after = plot.against === "seconds" ? `, epoch ${epoch}` : "";
    return [label, `${plot.show(median)}${low < high ? ` [${plot.show(low)}, ${plot.show(high)}]` : ""}${after}`];
  };

  const place = (plot, x) => (plot.against === "epochs" ? `Epoch ${x}` : `Near ${significant(x)} s`);

  const read = (state, x) => {
    const { plot, cursor, at } = state;
    const values = nearest(plot, x);
    const part = (plot.px(x) - plot.left) / (plot.right - plot.left);
    state.x = x;
    at.hidden = false;
    at.style.left = `${100 * part}%`;
    const lines = values.slice(0, MOST_READ).map((value) => {
      const [label, text] = inWords(plot, value);
      return make("p", { className: `c${value.colour}` }, make("span", {}, make("i"), label), make("span", { textContent: text }));
    });
    const rest = values.length - lines.length;
    if (rest > 0) lines.push(make("p", { textContent: `and ${rest} more` }));
    readout.replaceChildren(make("p", { textContent: place(plot, x) }), ...lines);
    readout.hidden = false;
    Object.assign(readout.style, part > 0.5 ? { left: 0, right: "auto" } : { left: "auto", right: 0 });
    cursor.after(readout);
    const stops = stopsOf(plot);
    cursor.setAttribute("aria-valuemax", String(stops.length - 1));
    cursor.setAttribute("aria-valuenow", String(stops.indexOf(x)));
    cursor.setAttribute("aria-valuetext", [place(plot, x), ...values.map((value) => inWords(plot, value).join(" "))].join("; "));
  };

  const leave = ({ at }) => {
    at.hidden = true;
    readout.hidden = true;
  };

  // Where the cursor can stand, ascending.
  const stopsOf = (plot) => {
    const xs = plot.series.flatMap(({ points }) => points.filter((point) => plot.isInside(point)).map((point) => point.x));
    return [...new Set(xs)].sort((a, b) => a - b);
  };

  const stopNear = (plot, x) => {
    const stops = stopsOf(plot);
    if (!stops.length) return null;
    return stops.reduce((best, stop) => (Math.abs(plot.px(stop) - plot.px(x)) < Math.abs(plot.px(best) - plot.px(x)) ? stop : best));
  };

  const zoom = (state, range) => {
    const { plot, reset, more } = state;
    if (range && (stopsOf({ ...plot, series: plot.series, isInside: (point) => point.x >= range[0] && point.x <= range[1] }).length < 1)) {
      tell("No value there");
      return;
    }
    plot.range = range;
    plot.draw();
    leave(state);
    // One takes the other's place, and the focus with it.
    const [shown, hidden] = range ? [reset, more] : [more, reset];
    const isFocused = document.activeElement === hidden;
    shown.hidden = false;
    hidden.hidden = true;
    if (isFocused) shown.focus();
    plot.figure.toggleAttribute("data-zoomed", Boolean(range));
    if (range) tell(`${plot.against} ${significant(range[0])} to ${significant(range[1])}`);
    else tell("The whole range");
  };

  // Half of what is shown, around the cursor if it is there.
  const zoomIn = (state) => {
    const { plot } = state;
    const middle = state.x !== null && plot.isInside({ x: state.x }) ? (plot.px(state.x) - plot.left) / (plot.right - plot.left) : 0.5;
    const from = Math.min(0.5, Math.max(0, middle - 0.25));
    zoom(state, [plot.x.valueAt(from), plot.x.valueAt(from + 0.5)]);
  };

  const step = (state, key) => {
    const stops = stopsOf(state.plot);
    const now = state.x === null ? -1 : stops.indexOf(stopNear(state.plot, state.x));
    const to = { ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, PageDown: now - 10, PageUp: now + 10, Home: 0, End: stops.length - 1 }[key];
    if (to === undefined || !stops.length) return false;
    read(state, stops[Math.min(stops.length - 1, Math.max(0, to))]);
    return true;
  };

  const listenToKeys = (state) => {
    state.cursor.addEventListener("keydown", (event) => {
      const zooms = { "+": () => zoomIn(state), "=": () => zoomIn(state), "-": () => zoom(state, null), 0: () => zoom(state, null), Escape: () => zoom(state, null) };
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (zooms[event.key]) zooms[event.key]();
      else if (!step(state, event.key)) return;
      event.preventDefault();
    });
    state.cursor.addEventListener("focus", () => {
      const first = stopNear(state.plot, state.x ?? state.plot.x.valueAt(1));
      if (first !== null) read(state, first);
    });
    state.cursor.addEventListener("blur", () => leave(state));
  };

  const listenToPointer = (state) => {
    const { plot, cursor, marked } = state;
    let from = 0;
    const part = (event) => {
      const { left, width } = cursor.getBoundingClientRect();
      return Math.min(1, Math.max(0, (event.clientX - left) / width));
    };
    const drag = (event) => {
      const to = part(event);
      marked.hidden = false;
      Object.assign(marked.style, { left: `${100 * Math.min(from, to)}%`, width: `${100 * Math.abs(to - from)}%` });
    };
    const end = (event) => {
      document.removeEventListener("pointermove", drag);
      document.removeEventListener("pointerup", end);
      document.removeEventListener("pointercancel", end);
      marked.hidden = true;
      const to = part(event);
      if (event.type === "pointerup" && Math.abs(to - from) > 0.03) zoom(state, [plot.x.valueAt(Math.min(from, to)), plot.x.valueAt(Math.max(from, to))]);
    };
    cursor.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      from = part(event);
      document.addEventListener("pointermove", drag);
      document.addEventListener("pointerup", end);
      document.addEventListener("pointercancel", end);
    });
    cursor.addEventListener("pointermove", (event) => {
      const stop = stopNear(plot, plot.x.valueAt(part(event)));
      if (stop !== null) read(state, stop);
    });
    cursor.addEventListener("pointerleave", () => { if (document.activeElement !== cursor) leave(state); });
    cursor.addEventListener("dblclick", () => zoom(state, null));
  };

  const drawCurves = (figure) => {
    const plot = new Plot(figure);
    const title = plot.svg.querySelector("title").textContent;
    const at = make("div", { className: "at", hidden: true });
    const marked = make("div", { className: "range", hidden: true });
    const cursor = make("div", { className: "cursor", tabIndex: 0, role: "slider", "aria-label": `Read values: ${title}`, "aria-valuemin": "0", "aria-valuemax": "0", "aria-valuenow": "0", "aria-valuetext": "nothing read yet" }, at, marked);
    const share = (length, of) => `${(100 * length) / of}%`;
    Object.assign(cursor.style, {
      left: share(plot.left, SVG_SIZE.width), width: share(plot.right - plot.left, SVG_SIZE.width),
      top: share(plot.top, SVG_SIZE.height), height: share(plot.bottom - plot.top, SVG_SIZE.height),
    });
    const state = { plot, cursor, at, marked, x: null };
    state.reset = tool("reset", "reset", `reset the range: ${title}`, () => zoom(state, null));
    state.reset.hidden = true;
    state.more = tool("zoom-in", "zoom", `zoom in: ${title}`, () => zoomIn(state));
    const tools = [state.more, state.reset];
    if (plot.against === "seconds") {
      tools.unshift(toggle("axis", "log", `log axis: ${title}`, plot.isLogarithmic, (on) => {
        plot.isLogarithmic = on;
        zoom(state, null);
      }));
    }
    giveTools(figure, ...tools);
    plot.svg.after(cursor);
    listenToKeys(state);
    listenToPointer(state);
  };

  // Legend: a box hides its cell in all curves of the group.
  for (const box of all(".legend input")) {
    box.hidden = false;
    const show = () => {
      const group = box.closest(".group");
      groups[group.dataset.group].series[box.value].isHidden = !box.checked;
      for (const series of all(`[data-series="${box.value}"]`, group)) series.classList.toggle("off", !box.checked);
    };
    box.addEventListener("change", show);
    if (!box.checked) show();
  }

  // Many cells are hidden and shown together, to look at a few of them.
  for (const legend of all("fieldset.legend")) {
    const boxes = all("input", legend);
    if (boxes.length < 8) continue;
    const button = make("button", { type: "button", textContent: "Hide all", "data-action": "all" });
    button.addEventListener("click", () => {
      const isShown = button.textContent === "Show all";
      button.textContent = isShown ? "Hide all" : "Show all";
      for (const box of boxes) if (box.checked !== isShown) box.click();
    });
    legend.append(button);
  }

  for (const figure of all('figure[data-chart="curve"]')) drawWhenNear(figure, () => drawCurves(figure));
}
