// A heading sorts by its column; entries without a number stay last.
{
  const key = (row, column) => {
    const entry = row.cells[column];
    return "key" in entry.dataset ? Number(entry.dataset.key) : entry.textContent;
  };
  const compare = (a, b, direction) => {
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return direction * (typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true }));
  };
  const sort = (table, heads, column) => {
    const ascending = heads[column].getAttribute("aria-sort") !== "ascending";
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const rows = [...table.tBodies[0].rows].map((row) => [key(row, column), row]);
    rows.sort(([a], [b]) => compare(a, b, ascending ? 1 : -1));
    table.tBodies[0].append(...rows.map(([, row]) => row));
  };
  for (const table of all("table[data-sortable]")) {
    const heads = all("thead th", table);
    heads.forEach((head, column) => {
      const button = make("button", { type: "button", textContent: head.textContent });
      button.addEventListener("click", () => sort(table, heads, column));
      head.replaceChildren(button);
    });
  }
}

// Columns of less interest are shown on demand.
for (const table of all("table:has(.extra)")) {
  table.classList.add("compact");
  const button = make("button", { type: "button", textContent: "Show all columns", "aria-pressed": "false", "data-columns": table.id });
  button.addEventListener("click", () => {
    const compact = table.classList.toggle("compact");
    button.setAttribute("aria-pressed", String(!compact));
    hint(table.parentElement);
  });
  table.parentElement.after(make("p", { className: "below" }, button));
}

// A table that is wider than its place says so, until its end is shown.
const hint = (scroll) => {
  const beyond = scroll.scrollWidth - scroll.clientWidth;
  scroll.classList.toggle("wide", beyond > 1);
  scroll.classList.toggle("ended", scroll.scrollLeft >= beyond - 1);
};
{
  // Not within the notification: a hint changes the height of what is watched.
  const watch = new ResizeObserver((entries) => requestAnimationFrame(() => { for (const entry of entries) hint(entry.target); }));
  for (const scroll of all(".scroll")) {
    watch.observe(scroll);
    scroll.addEventListener("scroll", () => hint(scroll), { passive: true });
  }
}
