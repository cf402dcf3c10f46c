/* Says which prompts are chosen, how many texts they make of the labels, and what those cost. */
const lines = (text) => text.split("\n").filter((line) => line.trim()).length;

function promptsOf(form) {
  const cost = form.querySelector("[data-cost-texts]");
  const chosen = form.querySelector("[data-prompts-chosen]");
  const perText = Number(form.querySelector("[data-cost]")?.dataset.nanoUsdPerText ?? 0);
  const { template, templates } = form.elements;
  // Not elements.labels: the chips' entry has that for its id.
  const typed = form.querySelector("textarea[name=labels]");

  function counted(choice) {
    if (choice.value === "one") return 1;
    if (choice.value === "own") return lines(templates.value);
    return Number(choice.value.replace("openai-", ""));
  }

  function show() {
    const choice = form.querySelector("[name=prompts]:checked");
    const labels = lines(typed.value);
    const prompts = counted(choice);
    const texts = labels * prompts;
    chosen.textContent =
      choice.value === "one" ? template.value : choice.parentElement.innerText.trim();
    if (!cost) return;
    cost.textContent = "";
    if (prompts > 1 && labels) {
      const most = ((texts * perText) / 1e9).toFixed(6).replace(/0+$/, "");
      cost.textContent =
        `${labels} label${labels === 1 ? "" : "s"} by ${prompts} prompts ` +
        `are ${texts} texts${perText ? `: up to $${most}` : ""}.`;
    }
  }

  for (const type of ["input", "change", "keyup", "click"]) form.addEventListener(type, show);
  show();
}

const start = () =>
  document.querySelectorAll("form[data-try]:not([data-try-ready])").forEach((form) => {
    form.dataset.tryReady = "";
    promptsOf(form);
  });

start();
document.addEventListener("htmx:load", start);
