/* A button with data-copy puts its text on the clipboard. Without JavaScript it stays hidden. */
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break; // not offered on plain http
  button.hidden = false;
  const label = button.textContent;
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
