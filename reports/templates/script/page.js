"use strict";
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// An element with properties, attributes where the name has a dash, and children.
const make = (tag, properties = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
};

// Says something to those who cannot see what changed.
const tell = (text) => {
  const status = document.getElementById("status");
  if (status) status.textContent = text;
};

// What stands there for those without scripts, be it that a server's policy keeps this one away.
for (const note of all(".unscripted")) note.remove();

// Theme: the system's until the button is pressed.
{
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const name = () => { button.textContent = dark() ? "Light theme" : "Dark theme"; };
  button.hidden = false;
  button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; name(); });
  system.addEventListener("change", name);
  name();
}

// Print: what is folded is opened, and folded again afterwards.
{
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => { for (const details of opened) details.open = false; });
}

// Copying: a button copies the text of the element that it names.
for (const button of all("button[data-copies]")) {
  const source = document.getElementById(button.dataset.copies);
  const said = (text) => {
    button.textContent = text;
    tell(text);
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  };
  const select = () => {
    getSelection().selectAllChildren(source);
    said(document.execCommand("copy") ? "Copied" : "Selected");
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    if (!navigator.clipboard) select();
    else navigator.clipboard.writeText(source.textContent).then(() => said("Copied"), select);
  });
}
