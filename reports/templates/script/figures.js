// Every figure gets a head: its caption and its tools.
const groups = JSON.parse(document.getElementById("charts").textContent);

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
  const svg = figure.querySelector(".plot > svg");
  const title = svg.querySelector("title").textContent;
  const file = `${document.querySelector("h1").textContent}-${title}`.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 120);
  const export_ = tool("svg", "SVG", `Save as SVG: ${title}`, () => save(`${file}.svg`, standalone(svg), "image/svg+xml"));
  const head = make("div", { className: "tools", role: "group", "aria-label": `Tools: ${title}` }, ...tools, export_);
  const wrapped = make("figcaption", { className: "head" });
  wrapped.append(make("span", { className: "title" }, ...caption.childNodes), head);
  caption.replaceWith(wrapped);
};

for (const figure of all('figure[data-chart="channels"]:has(.plot)')) giveTools(figure);
