/* Says [data-said] aloud once per change, however often htmx replaces the part it stands in, and
   leads whoever has just sent a form to it: the button that had the focus is gone by then. */
const aloud = document.querySelector("[data-said-aloud]");
let last = document.querySelector("[data-said]")?.textContent.trim();
let isFollowing = false;

document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.matches("form")) isFollowing = true;
});
document.body.addEventListener("htmx:afterSettle", () => {
  const said = document.querySelector("[data-said]");
  const words = said?.textContent.trim();
  if (words && words !== last) aloud.textContent = last = words;
  const isLost = !document.activeElement || document.activeElement === document.body;
  if (isFollowing && isLost) said?.focus();
});
