/* The chart's label on hover, focus and touch, and arrow keys from point to point. Without it each
   point is still a link with a title, and the table below holds the same models. */
const REACH_PX = 28;
const GAP_PX = 14;

// An SVG link's own `href` is no string.
const address = (point) => point.getAttribute("href");

function chart(plot) {
  const svg = plot.querySelector("svg");
  const tip = plot.querySelector("[data-chart-tip]");
  const points = [...svg.querySelectorAll(".chart__model")];
  const at = new Map(points.map((point) => [point, [+point.dataset.x, +point.dataset.y]]));
  const rows = new Map(
    [...document.querySelectorAll("table.models tbody th a")].map((link) => [
      link.getAttribute("href"),
      link.closest("tr"),
    ]),
  );
  // The label takes the title's place; the browser's own would lie over it.
  for (const title of svg.querySelectorAll("title")) title.remove();
  tip.setAttribute("aria-hidden", "true"); // a point's name says the same
  let lit = null;

  function place(point) {
    const box = plot.getBoundingClientRect();
    const mark = point.querySelector("use").getBoundingClientRect();
    const x = (mark.left + mark.right) / 2 - box.left;
    const y = (mark.top + mark.bottom) / 2 - box.top;
    // Beside the point: models of one size stand above one another.
    const left = x > box.width / 2 ? x - GAP_PX - tip.offsetWidth : x + GAP_PX;
    tip.style.left = `${Math.max(0, Math.min(left, box.width - tip.offsetWidth))}px`;
    tip.style.top = `${Math.max(0, Math.min(y - tip.offsetHeight / 2, box.height - tip.offsetHeight))}px`;
  }

  function light(point) {
    if (point === lit) return;
    lit?.classList.remove("chart__model--lit");
    if (lit) rows.get(address(lit))?.classList.remove("models__row--lit");
    lit = point;
    tip.hidden = !point;
    if (!point) return;
    point.classList.add("chart__model--lit");
    rows.get(address(point))?.classList.add("models__row--lit");
    const [name, ...rest] = point.getAttribute("aria-label").split(": ");
    tip.replaceChildren(
      Object.assign(document.createElement("strong"), { textContent: name }),
      ...rest.join(": ").split("; ").map((text) =>
        Object.assign(document.createElement("span"), { textContent: text })),
    );
    tip.href = address(point);
    place(point);
  }

  function nearest(event) {
    let best = null;
    let least = REACH_PX;
    for (const point of points) {
      const { left, right, top, bottom } = point.querySelector("use").getBoundingClientRect();
      const away = Math.hypot((left + right) / 2 - event.clientX, (top + bottom) / 2 - event.clientY);
      if (away < least) [best, least] = [point, away];
    }
    return best;
  }

  // By 0 sideways, by 1 upwards; of equal places the order on the page decides.
  const order = [0, 1].map((axis) =>
    [...points].sort((a, b) => at.get(a)[axis] - at.get(b)[axis]));
  order[1].reverse(); // SVG counts y downwards

  function go(axis, step) {
    const line = order[axis];
    const next = line[Math.max(0, Math.min(line.length - 1, line.indexOf(document.activeElement) + step))];
    document.activeElement.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  const keys = {
    ArrowRight: () => go(0, 1),
    ArrowLeft: () => go(0, -1),
    ArrowUp: () => go(1, 1),
    ArrowDown: () => go(1, -1),
    Home: () => go(0, -points.length),
    End: () => go(0, points.length),
    Escape: () => light(null),
  };
  svg.addEventListener("keydown", (event) => {
    if (!keys[event.key] || !at.has(event.target) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  svg.addEventListener("focusin", (event) => at.has(event.target) && light(event.target));
  svg.addEventListener("focusout", () => light(null));
  svg.addEventListener("pointermove", (event) => event.pointerType !== "touch" && light(nearest(event)));
  plot.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && light(null));
  // A point is small: a click beside it means it. A first touch shows the label, a second follows it.
  let wasLit = null;
  svg.addEventListener("pointerdown", (event) => {
    wasLit = event.pointerType === "touch" ? lit : nearest(event);
  });
  svg.addEventListener("click", (event) => {
    if (event.detail === 0 || event.ctrlKey || event.metaKey || event.shiftKey) return; // by a key
    event.preventDefault();
    const point = nearest(event);
    if (point && point === wasLit) location.assign(address(point));
    else light(point);
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && light(null));

  for (const [path, row] of rows) {
    const point = points.find((one) => address(one) === path);
    if (!point) continue;
    const mark = (is) => () => point.classList.toggle("chart__model--lit", is);
    for (const type of ["pointerenter", "focusin"]) row.addEventListener(type, mark(true));
    for (const type of ["pointerleave", "focusout"]) row.addEventListener(type, mark(false));
    row.querySelector("[name=m]")?.addEventListener("change", ({ target }) =>
      point.classList.toggle("chart__model--chosen", target.checked));
  }
}

const drawn = new WeakSet();
function start() {
  for (const plot of document.querySelectorAll("[data-chart]")) {
    if (drawn.has(plot)) continue;
    drawn.add(plot);
    chart(plot);
  }
}
start();
document.body.addEventListener("htmx:afterSettle", start);
