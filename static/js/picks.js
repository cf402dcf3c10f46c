/* Boxes that choose models to compare: counts them, refuses a fifth in words, and keeps them in the
   address, so that searching, sorting and reloading lose none. Without it the form still compares. */
const boxes = () => [...document.querySelectorAll("[data-picks] [name=m]")];
const chosen = () => [...new Set(boxes().filter((box) => box.checked).map((box) => box.value))];
let inOrder = new URLSearchParams(location.search).getAll("m");

function address(path) {
  const url = new URL(path, location.href);
  url.searchParams.delete("m");
  for (const repo of inOrder) url.searchParams.append("m", repo);
  return url.pathname + url.search.replaceAll("%2F", "/") + url.hash;
}

function say(words) {
  const button = document.querySelector("[data-picks] [type=submit]");
  const line = document.querySelector("[data-picks-words]");
  if (!button) return;
  const count = chosen().length;
  button.textContent = count ? `compare ${count}` : "compare";
  line.textContent = words ?? (count === 1 ? "One model chosen: choose another." : `${count} models chosen.`);
}

document.body.addEventListener("change", ({ target }) => {
  if (target.name !== "m" || !target.closest("[data-picks]")) return;
  const most = +document.querySelector("[data-picks-words]").dataset.most;
  if (target.checked && chosen().length > most) {
    target.checked = false;
    target.dispatchEvent(new Event("change", { bubbles: true }));
    say(`${most} models fit side by side. Untick one to choose another.`);
    return;
  }
  const now = chosen();
  inOrder = [...inOrder.filter((repo) => now.includes(repo)), ...now.filter((repo) => !inOrder.includes(repo))];
  history.replaceState(history.state, "", address(location.href));
  say();
});

// The comparison's columns stand in the order in which they were picked, not in the table's.
document.body.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-picks]")) return;
  event.preventDefault();
  location.assign(address(event.target.action));
});

// What htmx asks for was written before the last tick.
document.body.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.verb !== "get") return;
  detail.formData.delete("m");
  detail.path = address(detail.path);
});
