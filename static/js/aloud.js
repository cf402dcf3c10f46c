/* Says [data-said] aloud once per change, however often htmx replaces the part it stands in. */
const aloud = document.querySelector("[data-said-aloud]");
let last = document.querySelector("[data-said]")?.textContent.trim();
document.body.addEventListener("htmx:afterSettle", () => {
  const words = document.querySelector("[data-said]")?.textContent.trim();
  if (words && words !== last) aloud.textContent = last = words;
});
