"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Theme: the system's until the button is pressed.
  const button = document.getElementById("theme");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const name = () => { button.textContent = dark() ? "Light theme" : "Dark theme"; };
  button.hidden = false;
  button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; name(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
  name();

  // Legend: a box hides its cell in all charts of the group.
  for (const box of all(".legend input")) {
    box.hidden = false;
    const show = () => {
      for (const series of all(`[data-series="${box.value}"]`, box.closest(".group"))) {
        series.classList.toggle("off", !box.checked);
      }
    };
    box.addEventListener("change", show);
    show();
  }

  // Tables: a heading sorts by its column; entries without a number stay last.
  const key = (row, column) => {
    const entry = row.cells[column];
    return "key" in entry.dataset ? Number(entry.dataset.key) : entry.textContent;
  };
  const compare = (a, b, direction) => {
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return direction * (typeof a === "number" ? a - b : a.localeCompare(b));
  };
  for (const table of all("table[data-sortable]")) {
    const heads = all("thead th", table);
    heads.forEach((head, column) => {
      const sort = document.createElement("button");
      sort.type = "button";
      sort.textContent = head.textContent;
      head.replaceChildren(sort);
      sort.addEventListener("click", () => {
        const ascending = head.getAttribute("aria-sort") !== "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        const body = table.tBodies[0];
        const rows = [...body.rows].sort((a, b) => compare(key(a, column), key(b, column), ascending ? 1 : -1));
        body.append(...rows);
      });
    });
  }

  // Print: what is folded is opened, and folded again afterwards.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => { for (const details of opened) details.open = false; });

  // Data: the CSV files are in this page.
  const files = JSON.parse(document.getElementById("data").textContent);
  const save = document.getElementById("save");
  for (const [file, text] of Object.entries(files)) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = file;
    button.addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
      link.download = file;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
    save.append(button);
  }
  save.hidden = false;
})();
