/* A button with data-copy puts its text on the clipboard. Without JavaScript it stays hidden. */
function copies(button) {
  const label = button.textContent;
  button.hidden = false;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "copied";
    } catch {
      button.textContent = "not allowed";
    }
    setTimeout(() => (button.textContent = label), 1600);
  });
}

function start() {
  if (!navigator.clipboard) return; // not offered on plain http
  document.querySelectorAll("[data-copy][hidden]").forEach(copies);
}

start();
document.addEventListener("htmx:load", start);
