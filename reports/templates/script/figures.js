// Charts are SVG in the place that the page leaves for them.
const groups = JSON.parse(document.getElementById("lines").textContent);
const escaped = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
const shortened = (text, most) => {
  const characters = [...text];
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : text;
};

// A chart with its name, and a description for those who do not see it.
let charts = 0;
const chart = (attributes, title, description, content) => {
  const id = `chart-${(charts += 1)}`;
  return `<svg ${attributes} role="img" aria-labelledby="${id}-t ${id}-d"><title id="${id}-t">${escaped(title)}</title><desc id="${id}-d">${escaped(description)}</desc>${content}</svg>`;
};
// A backend has a colour; an implementation whose lines have dashes has rings for points.
const look = (colour, dash) => `c${colour}${dash === "none" ? "" : " ring"}`;
const tick = (x, y, anchor, text) => `<text class="tick" x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`;

// Curves and channels share a frame, in the units of their view box.
const FRAME = { width: 420, left: 46, top: 10 };
const heights = (scale, right, place) => scale.ticks.map((value) => {
  const y = place(value).toFixed(1);
  return `<line class="grid" x1="${FRAME.left}" x2="${right}" y1="${y}" y2="${y}"/>${tick(FRAME.left - 8, Number(y) + 4, "end", scale.label(value))}`;
}).join("");

// The charts of a large page are drawn as they come near, and all of them for paper; those of a
// small one at once.
const undrawn = new Map();
const drawUndrawn = (figure) => {
  near.unobserve(figure);
  undrawn.get(figure)();
  undrawn.delete(figure);
};
const near = new IntersectionObserver((figures) => {
  for (const { target, isIntersecting } of figures) if (isIntersecting) drawUndrawn(target);
}, { rootMargin: "100%" });
const drawWhenNear = (figure, draw) => {
  if (!figure.closest(".large")) return draw();
  undrawn.set(figure, draw);
  return near.observe(figure);
};
addEventListener("beforeprint", () => [...undrawn.keys()].forEach(drawUndrawn));

// Every figure gets a head: its caption and its tools.
const tool = (action, text, name, act) => {
  const button = make("button", { type: "button", textContent: text, title: name, "data-action": action, "aria-label": name });
  button.addEventListener("click", () => act(button));
  return button;
};

// A tool that is on or off, told by `aria-pressed`.
const toggle = (action, text, name, isOn, act) => {
  const button = tool(action, text, name, () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    act(on);
  });
  button.setAttribute("aria-pressed", String(isOn));
  return button;
};

const giveTools = (figure, ...tools) => {
  const caption = figure.querySelector("figcaption");
  const drawn = () => figure.querySelector(".plot > svg");
  const title = drawn().querySelector("title").textContent;
  const file = `${document.querySelector("h1").textContent}-${title}`.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 120);
  const export_ = tool("svg", "SVG", `Save as SVG: ${title}`, () => save(`${file}.svg`, standalone(drawn()), "image/svg+xml"));
  const head = make("div", { className: "tools", role: "group", "aria-label": `Tools: ${title}` }, ...tools, export_);
  const wrapped = make("figcaption", { className: "head" });
  wrapped.append(make("span", { className: "title" }, ...caption.childNodes), head);
  caption.replaceWith(wrapped);
};
