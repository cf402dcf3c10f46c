/* Code in several languages: the one that was opened last is open everywhere, on later pages too.
   Without JavaScript, or where the browser keeps nothing, the first of each stays open. */
const KEY = "code-language";

function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage is switched off
  }
}

function remember(language) {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // It is then forgotten with the page.
  }
}

function open(language) {
  for (const one of document.querySelectorAll("details[data-language]")) {
    if (one.dataset.language === language) one.open = true; // its name closes the others
  }
}

function choose(event) {
  const one = event.target.closest("details[data-language]");
  if (!one || !event.target.closest("summary") || one.open) return;
  // What was pressed stays where it is, though blocks above it change their height.
  const before = one.getBoundingClientRect().top;
  remember(one.dataset.language);
  requestAnimationFrame(() => {
    open(one.dataset.language);
    window.scrollBy({ top: one.getBoundingClientRect().top - before, behavior: "instant" });
  });
}

const language = remembered();
if (language) open(language);
document.addEventListener("click", choose);
