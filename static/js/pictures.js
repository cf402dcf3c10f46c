/* Several photos for one form: dropped, pasted or picked one after the other, each can be removed. */
function pictures(field) {
  const input = field.querySelector('input[type="file"]');
  const own = field.querySelector("[data-pictures-own]");
  const said = field.querySelector("[data-pictures-said]");
  const samples = [...field.querySelectorAll('[name="samples"]')];
  const most = Number(field.dataset.max);
  const mostBytes = Number(field.dataset.maxMb) * 1024 * 1024;
  let files = [];

  function keep(kept) {
    files = kept;
    const transfer = new DataTransfer();
    for (const file of files) transfer.items.add(file);
    input.files = transfer.files; // what the form sends
    for (const image of own.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    own.replaceChildren(...files.map(item));
    own.hidden = files.length === 0;
  }

  function item(file, index) {
    const image = new Image();
    image.src = URL.createObjectURL(file);
    image.alt = file.name;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "photos__remove";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `remove ${file.name}`);
    remove.addEventListener("click", () => {
      keep(files.filter((_, place) => place !== index));
      said.textContent = `${file.name} removed.`;
      (own.querySelectorAll("button")[Math.max(index - 1, 0)] ?? input).focus();
    });
    const line = document.createElement("li");
    line.append(image, remove);
    return line;
  }

  function add(more) {
    const images = [...more].filter((file) => file.type.startsWith("image/"));
    if (!images.length) return false;
    if (!files.length) for (const sample of samples) sample.checked = false;
    const room = most - files.length - samples.filter((sample) => sample.checked).length;
    const taken = [];
    let bytes = files.reduce((sum, file) => sum + file.size, 0);
    for (const image of images) {
      if (taken.length >= room || bytes + image.size > mostBytes) continue;
      taken.push(image);
      bytes += image.size;
    }
    keep([...files, ...taken]);
    const left = images.length - taken.length;
    said.textContent = left
      ? `${left} of them ${left === 1 ? "was" : "were"} left out: there may be ${most} photos and ${field.dataset.maxMb} MB together.`
      : `${files.length} ${files.length === 1 ? "photo" : "photos"} of your own.`;
    return true;
  }

  input.addEventListener("change", () => {
    const picked = [...input.files];
    if (picked.length && add(picked)) return;
    keep(files);
  });
  field.addEventListener("dragover", (event) => {
    event.preventDefault();
    field.classList.add("photos--over");
  });
  field.addEventListener("dragleave", (event) => {
    if (!field.contains(event.relatedTarget)) field.classList.remove("photos--over");
  });
  field.addEventListener("drop", (event) => {
    event.preventDefault();
    field.classList.remove("photos--over");
    add(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    if (add(event.clipboardData.files)) event.preventDefault();
  });
  if (input.files.length) add(input.files); // the browser kept them when it went back
}

document.querySelectorAll("[data-pictures]").forEach(pictures);
