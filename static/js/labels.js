/* Turns the textarea of labels into chips. The textarea stays what is submitted. */
const split = (text) => text.split(/[,\n]/).map((label) => label.trim()).filter(Boolean);

function chips(field) {
  const area = field.querySelector("textarea");
  const box = document.createElement("div");
  const list = document.createElement("ul");
  const entry = document.createElement("input");
  const said = document.createElement("span");
  let labels = [...new Set(split(area.value))];

  box.className = "chips";
  list.setAttribute("aria-label", "chosen labels");
  entry.type = "text";
  entry.id = area.id;
  entry.maxLength = 2000; // room for a pasted list; the server checks each label
  entry.placeholder = "add a label";
  entry.autocomplete = "off";
  entry.enterKeyHint = "enter";
  for (const name of ["aria-describedby", "aria-invalid"]) {
    if (area.hasAttribute(name)) entry.setAttribute(name, area.getAttribute(name));
  }
  said.className = "visually-hidden";
  said.setAttribute("role", "status");
  area.removeAttribute("id");
  area.required = false; // a hidden field that is required would block the form in silence
  area.hidden = true;
  field.querySelector("[data-labels-help]").textContent =
    "Enter or a comma adds one; up to 100";
  box.append(list, entry);
  area.after(box, said);

  function chip(label) {
    const item = document.createElement("li");
    const text = document.createElement("span");
    const remove = document.createElement("button");
    item.className = "chip";
    text.textContent = label;
    remove.type = "button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `remove ${label}`);
    remove.addEventListener("click", () => {
      const place = labels.indexOf(label);
      change(labels.filter((other) => other !== label), `${label} removed`);
      (list.querySelectorAll("button")[place] ?? entry).focus();
    });
    item.append(text, remove);
    return item;
  }

  function change(next, words) {
    labels = next;
    area.value = labels.join("\n");
    list.replaceChildren(...labels.map(chip));
    if (words) said.textContent = `${words}, ${labels.length} in all`;
  }

  function add(text) {
    const fresh = split(text);
    if (!fresh.length) return;
    entry.value = "";
    change([...new Set([...labels, ...fresh])], `${fresh.join(", ")} added`);
  }

  entry.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && entry.value.trim()) {
      event.preventDefault();
      add(entry.value);
    } else if (event.key === "Backspace" && !entry.value && labels.length) {
      event.preventDefault();
      change(labels.slice(0, -1), `${labels.at(-1)} removed`);
    }
  });
  entry.addEventListener("input", () => {
    if (entry.value.includes(",")) add(entry.value);
  });
  entry.addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text");
    if (!/[,\n]/.test(text)) return;
    event.preventDefault();
    add(entry.value + text);
  });
  box.addEventListener("click", (event) => {
    if (event.target === box) entry.focus();
  });
  field.closest("form").addEventListener("submit", () => add(entry.value));
  change(labels);
}

document.querySelectorAll("[data-labels]").forEach(chips);
