/* Preview, drop and paste for the picture, samples with their labels, and a button that shows that
   the form is on its way. */
function picture(field) {
  const input = field.querySelector("#picture");
  const camera = field.querySelector("#camera");
  const link = field.querySelector("#picture-url");
  const draft = field.querySelector("[data-picture-draft]");
  const own = new Image();
  const stage = field.querySelector("[data-picture-stage]");
  const samples = field.querySelectorAll('[name="sample"]');

  own.className = "picture__own";
  own.alt = "";
  stage.append(own);

  const shape = (width, height) => stage.style.setProperty("--ratio", String(width / height || 1.5));

  function show() {
    if (own.src) URL.revokeObjectURL(own.src);
    const [file] = [...input.files, ...camera.files];
    if (!file) {
      own.removeAttribute("src");
      const isKept = draft && field.querySelector('[value="kept"]').checked;
      isKept ? shape(draft.width, draft.height) : shape(3, 2);
      return;
    }
    for (const sample of samples) sample.checked = false;
    own.src = URL.createObjectURL(file);
  }

  function take(files) {
    const file = [...files].find((one) => one.type.startsWith("image/"));
    if (!file) return false;
    const transfer = new DataTransfer();
    transfer.items.add(file);
    input.files = transfer.files;
    chosen(input);
    return true;
  }

  /* The last choice counts: the others are emptied, so that the server does not have to guess. */
  function chosen(source) {
    for (const other of [input, camera, link]) if (other !== source) other.value = "";
    show();
  }

  own.addEventListener("load", () => shape(own.naturalWidth, own.naturalHeight));
  own.addEventListener("error", () => own.removeAttribute("src")); // the server says what is wrong
  for (const source of [input, camera]) source.addEventListener("change", () => chosen(source));
  for (const sample of samples) {
    sample.addEventListener("change", () => {
      chosen(sample);
      suggest(sample);
    });
  }

  /* A sample brings its labels, unless somebody has written their own. */
  function suggest(sample) {
    const area = field.form.querySelector("textarea[name=labels]");
    const sets = [...samples].map((one) => one.dataset.labelsOfSample).filter(Boolean);
    const { labelsOfSample } = sample.dataset;
    if (!labelsOfSample || !sets.includes(area.value.replaceAll("\r", ""))) return;
    area.value = labelsOfSample;
    area.dispatchEvent(new Event("labels:set"));
  }

  const files = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    field.classList.add("picture--over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) field.classList.remove("picture--over");
  });
  document.addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault(); // else the browser would leave the page for the picture
    field.classList.remove("picture--over");
    take(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    if (take(event.clipboardData.files)) event.preventDefault();
  });
  show();
}

function busy(button) {
  const label = button.textContent;
  button.form.addEventListener("submit", () => {
    button.textContent = button.dataset.busy;
    button.setAttribute("aria-disabled", "true");
  });
  addEventListener("pageshow", () => {
    button.textContent = label; // back from the result
    button.removeAttribute("aria-disabled");
  });
}

document.querySelectorAll("[data-picture]").forEach(picture);
document.querySelectorAll("[data-busy]").forEach(busy);
