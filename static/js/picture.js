/* Preview, drop and paste for the picture, and a button that shows that the form is on its way. */
function picture(field) {
  const input = field.querySelector('input[type="file"]');
  const own = new Image();
  const stage = field.querySelector("[data-picture-stage]");
  const samples = field.querySelectorAll('[name="sample"]');

  own.className = "picture__own";
  own.alt = "";
  stage.append(own);

  const shape = (width, height) => stage.style.setProperty("--ratio", String(width / height || 1.5));

  function show() {
    if (own.src) URL.revokeObjectURL(own.src);
    const [file] = input.files;
    if (!file) {
      own.removeAttribute("src");
      shape(3, 2);
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
    show();
    return true;
  }

  own.addEventListener("load", () => shape(own.naturalWidth, own.naturalHeight));
  own.addEventListener("error", () => own.removeAttribute("src")); // the server says what is wrong
  input.addEventListener("change", show);
  for (const sample of samples) {
    sample.addEventListener("change", () => {
      input.value = ""; // a chosen file would win over the sample
      show();
    });
  }

  field.addEventListener("dragover", (event) => {
    event.preventDefault();
    field.classList.add("picture--over");
  });
  field.addEventListener("dragleave", (event) => {
    if (!field.contains(event.relatedTarget)) field.classList.remove("picture--over");
  });
  field.addEventListener("drop", (event) => {
    event.preventDefault();
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
