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
    const text = document.createElement("button");
    const remove = document.createElement("button");
    item.className = "chip";
    text.type = "button";
    text.className = "chip__text";
    text.textContent = label;
    text.setAttribute("aria-label", `edit ${label}`);
    text.addEventListener("click", () => edit(item, label));
    remove.className = "chip__remove";
    remove.type = "button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `remove ${label}`);
    remove.addEventListener("click", () => {
      const place = labels.indexOf(label);
      change(labels.filter((other) => other !== label), `${label} removed`);
      (list.querySelectorAll(".chip__remove")[place] ?? entry).focus();
    });
    item.append(text, remove);
    return item;
  }

  /* A chip becomes an input in its place. Enter or leaving it keeps the change, Escape does not. */
  function edit(item, label) {
    const input = document.createElement("input");
    let isDone = false;
    input.type = "text";
    input.value = label;
    input.size = Math.max(label.length, 4);
    input.setAttribute("aria-label", `label, was ${label}`);
    const finish = (isKept, isFocusKept) => {
      if (isDone) return;
      isDone = true;
      const fresh = isKept ? split(input.value) : [label];
      const place = labels.indexOf(label);
      const next = labels.flatMap((other) => (other === label ? fresh : [other]));
      change([...new Set(next)], isKept && fresh[0] !== label ? `${label} changed` : "");
      if (isFocusKept) (list.querySelectorAll(".chip__text")[place] ?? entry).focus();
    };
    input.addEventListener("keydown", (event) => {
      if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
      event.preventDefault(); // Enter would send the form
      finish(event.key === "Enter", true);
    });
    input.addEventListener("blur", () => finish(true, false));
    item.replaceChildren(input);
    input.select();
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
  area.addEventListener("labels:set", () => change([...new Set(split(area.value))]));
  // Before htmx collects the fields: it listens on the form itself.
  field.closest("form").addEventListener("submit", () => add(entry.value), { capture: true });
  change(labels);
}

const start = () =>
  document.querySelectorAll("[data-labels]:not([data-labels-ready])").forEach((field) => {
    field.dataset.labelsReady = "";
    chips(field);
  });

start();
document.addEventListener("htmx:load", start); // a form that has come with a result
