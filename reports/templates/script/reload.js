// An unfinished page loads itself anew, but not under a reader's hands: whatever is used on it,
// other than to scroll and to follow links, would be as before again.
{
  const box = document.getElementById("reload");
  const used = (event) => {
    const target = event.target;
    if (!box.checked || !(target instanceof Element) || target.closest("#reloads")) return;
    if (target.matches(":focus-visible") || target.closest("button, summary, input, select, label, .plot")) {
      box.checked = false;
      tell("This page is no longer loaded anew by itself.");
    }
  };
  if (box) {
    document.getElementById("reloads").hidden = false;
    for (const kind of ["pointerdown", "focusin", "change"]) document.addEventListener(kind, used, true);
    setInterval(() => {
      if (box.checked && !document.hidden && getSelection().isCollapsed) location.reload();
    }, 1000 * box.dataset.seconds);
  }
}
