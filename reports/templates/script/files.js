// Saving: the CSV files, where they are in this page, and every chart can be one.
const save = (name, text, type) => {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  tell(`Saved ${name}`);
};
{
  const place = document.getElementById("save");
  for (const button of all("button", place)) {
    const name = button.textContent;
    button.addEventListener("click", () => save(name, JSON.parse(document.getElementById("data").textContent)[name], "text/csv"));
  }
  place.hidden = false;
}

// What a chart outside of the page needs of the page's style.
const INLINED = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "opacity",
  "paint-order", "font-family", "font-size", "font-weight", "display", "visibility"];

// The chart as a file of its own, as it looks now.
const standalone = (svg) => {
  const copy = svg.cloneNode(true);
  const copies = [copy, ...copy.querySelectorAll("*")];
  [svg, ...svg.querySelectorAll("*")].forEach((original, index) => {
    const style = getComputedStyle(original);
    for (const name of INLINED) copies[index].style.setProperty(name, style.getPropertyValue(name));
  });
  const { width, height } = svg.getBoundingClientRect();
  copy.setAttribute("xmlns", "http:" + "//www.w3.org/2000/svg");
  copy.setAttribute("width", width.toFixed());
  copy.setAttribute("height", height.toFixed());
  copy.style.background = getComputedStyle(document.documentElement).getPropertyValue("--paper");
  return new XMLSerializer().serializeToString(copy);
};
