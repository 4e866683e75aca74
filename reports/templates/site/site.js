// How old what is shown is, by the reader's clock.
for (const time of all("time[data-age]")) {
  const days = Math.floor((Date.now() / 1000 - Number(time.dataset.age)) / 86400);
  const told = days < 1 ? "today" : days === 1 ? "1 day ago" : `${days} days ago`;
  if (days >= 0) time.append(` (${told})`);
}
