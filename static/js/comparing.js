/* Photos by drop, paste, pick or folder. They are sent one by one, a few at a time, while the page of
   the comparison shows the answers that are in. Without this the form sends up to four by itself. */
const PARALLEL = 2;
const MAX_BYTES = 10 * 1024 * 1024;
const TRIES = 6;
const READABLE = /\.(jpe?g|png|webp|gif)$/i;
const root = document.querySelector("[data-comparing]");
const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

/* A photo: its file, and its name with the folder that may say what it shows. */
const photoOf = (file, path) => ({ file, path: path || file.name });

async function filesOf(entry, folder = "") {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    return READABLE.test(file.name) ? [photoOf(file, folder + file.name)] : [];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return found;
    for (const inner of some) found.push(...(await filesOf(inner, `${folder}${entry.name}/`)));
  }
}

/* The outermost folder is common to all and says nothing, unless its photos stand in it directly. */
function withoutRoot(photos) {
  const inner = photos.some(({ path }) => path.split("/").length > 2);
  return inner ? photos.map(({ file, path }) => photoOf(file, path.replace(/^[^/]+\//, ""))) : photos;
}

function form(element) {
  const drop = element.querySelector("[data-drop]");
  const input = drop.querySelector("input[type=file]");
  const list = drop.querySelector("[data-chosen]");
  const folder = drop.querySelector("[data-pick-folder]");
  const work = element.querySelector("[data-work]");
  const button = element.querySelector("[data-start]");
  const said = work.textContent;
  let photos = [];

  work.setAttribute("role", "status");
  input.removeAttribute("name"); // the files follow one by one

  function item(photo) {
    const li = document.createElement("li");
    const image = document.createElement("img");
    const name = document.createElement("span");
    const remove = document.createElement("button");
    image.alt = "";
    image.src = URL.createObjectURL(photo.file);
    image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
    name.textContent = name.title = photo.path;
    remove.type = "button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `remove ${photo.path}`);
    remove.addEventListener("click", () => {
      const place = photos.indexOf(photo);
      photos = photos.filter((other) => other !== photo);
      show();
      (list.querySelectorAll("button")[place] ?? input).focus();
    });
    li.append(image, name, remove);
    return li;
  }

  function show() {
    const SHOWN = 40;
    list.replaceChildren(...photos.slice(0, SHOWN).map(item));
    if (photos.length > SHOWN) {
      const more = document.createElement("li");
      more.textContent = `and ${photos.length - SHOWN} more`;
      list.append(more);
    }
    count();
  }

  function count() {
    const columns = [...element.querySelectorAll("[name^=model_]")].filter(({ value }) => value);
    const [n, m] = [photos.length, columns.length];
    const { max, maxFree } = element.dataset;
    if (!n) work.textContent = said;
    else if (n > Number(max)) work.textContent = `${n} photos are more than the ${max} you can compare.`;
    else {
      const scored = `${n} photo${n === 1 ? "" : "s"} by ${m} column${m === 1 ? "" : "s"}: ${n * m} to score`;
      work.textContent = n > Number(maxFree) ? `${scored}, paid from your credit.` : `${scored}, free.`;
    }
  }

  function labelsFrom(folders) {
    const typed = element.querySelector("textarea[name=labels]");
    if (folders.length < 2 || typed.value.trim()) return;
    // As the chips take a pasted list.
    const entry = element.querySelector(".chips input");
    if (!entry) return;
    entry.value = `${folders.join(",")},`;
    entry.dispatchEvent(new Event("input"));
  }

  function take(more) {
    const known = new Set(photos.map(({ path, file }) => `${path} ${file.size}`));
    const sorted = withoutRoot(more).sort((a, b) => a.path.localeCompare(b.path));
    photos = [...photos, ...sorted.filter(({ path, file }) => !known.has(`${path} ${file.size}`))];
    const folders = photos.map(({ path }) => path.split("/").at(-2)).filter(Boolean);
    labelsFrom([...new Set(folders)].map((name) => name.replace(/[_-]+/g, " ")));
    show();
  }

  const directory = document.createElement("input");
  directory.type = "file";
  directory.webkitdirectory = true;
  folder.addEventListener("click", () => directory.click());
  for (const one of [input, directory]) {
    one.addEventListener("change", () => {
      const chosen = [...one.files].map((file) => photoOf(file, file.webkitRelativePath));
      // Of a folder only what may be a picture; a file that was picked by itself names itself.
      take(one === directory ? chosen.filter(({ path }) => READABLE.test(path)) : chosen);
      one.value = "";
    });
  }
  element.addEventListener("change", count);
  addEventListener("paste", (event) => {
    const pasted = [...event.clipboardData.files].filter(({ type }) => type.startsWith("image/"));
    if (!pasted.length || !element.isConnected) return;
    event.preventDefault();
    // A screenshot is always called image.png.
    take(pasted.map((file) => photoOf(file, pasted.length > 1 || file.name !== "image.png" ? file.name : `pasted ${photos.length + 1}.png`)));
  });
  for (const type of ["dragover", "dragleave", "drop"]) {
    addEventListener(type, (event) => {
      if (!element.isConnected || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      drop.classList.toggle("drop--over", type === "dragover");
      if (type === "drop") dropped(event.dataTransfer.items);
    });
  }

  async function dropped(items) {
    // All entries at once: after a pause the browser has forgotten them.
    const entries = [...items].map((one) => one.webkitGetAsEntry?.()).filter(Boolean);
    const found = await Promise.all(entries.map((entry) => filesOf(entry)));
    take(found.flat());
  }

  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.hasAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    const body = new FormData(element);
    body.set("photo_count", String(photos.length));
    try {
      const answer = await fetch(element.action, { method: "POST", body });
      if (answer.headers.get("Content-Type")?.startsWith("text/html")) return arrive(answer, await answer.text(), photos);
      work.textContent = "Nothing was started. Please try again.";
    } catch {
      work.textContent = "The site can't be reached. Your photos are still here; please try again.";
    }
    button.removeAttribute("aria-disabled");
  });
  show();
}

/* Says what the answer held against the form, which stays as it is, with its photos. */
function refused(page) {
  const element = root.querySelector("[data-photo-form]");
  const notice = document.createElement("div");
  const sentences = [...page.querySelectorAll(".notice strong, .error")].map((one) => one.textContent);
  notice.className = "notice notice--bad photo-form__wide";
  notice.setAttribute("role", "alert");
  for (const sentence of [...sentences, "Your photos, labels and columns are still here."]) {
    const paragraph = document.createElement("p");
    paragraph.textContent = sentence;
    notice.append(paragraph);
  }
  element.querySelector("[role=alert]")?.remove();
  element.prepend(notice);
  notice.scrollIntoView({ block: "nearest" });
  element.querySelector("[data-start]").removeAttribute("aria-disabled");
}

/* The page that came in answer takes the place of this one, and the photos stay in memory. */
function arrive(answer, html, photos) {
  const page = new DOMParser().parseFromString(html, "text/html");
  if (page.querySelector("[data-photo-form]")) return refused(page);
  const next = page.querySelector("[data-comparing]");
  if (!next) return location.reload();
  root.replaceChildren(...next.childNodes);
  document.title = page.title;
  history.pushState(null, "", answer.url);
  addEventListener("popstate", () => location.reload());
  scrollTo(0, 0);
  window.htmx?.process(root);
  send(new URL(answer.url).pathname, photos);
}

/* Two at a time; a photo that must wait is sent again when the site says so. */
async function send(address, photos) {
  const box = root.querySelector("[data-upload]");
  const bar = box.querySelector("progress");
  const words = box.querySelector("[data-upload-words]");
  const token = root.querySelector("[name=csrfmiddlewaretoken]").value;
  const leaving = (event) => event.preventDefault();
  const queue = [...photos];
  let done = 0;
  let stopped = "";
  box.hidden = false;
  bar.max = photos.length;
  addEventListener("beforeunload", leaving);

  async function one({ file, path }) {
    const body = new FormData();
    body.set("csrfmiddlewaretoken", token);
    body.set("script", "1");
    body.set("name", path);
    if (file.size > MAX_BYTES) body.set("too_large", "1");
    else body.set("photos", file, file.name);
    for (let tried = 1; ; tried++) {
      try {
        const answer = await fetch(`${address}photos/`, { method: "POST", body });
        if (answer.ok) return;
        const pause = Number(answer.headers.get("Retry-After"));
        if (answer.status === 429 && pause) tried = 0; // its turn comes
        else if (answer.status < 500 || tried >= TRIES) throw new Error(await answer.text());
        await wait(pause || tried);
      } catch (error) {
        if (!(error instanceof TypeError) || tried >= TRIES) throw error; // TypeError: no connection
        await wait(tried);
      }
      if (stopped) return;
    }
  }

  async function lane() {
    for (let photo; !stopped && (photo = queue.shift()); ) {
      try {
        await one(photo);
      } catch (error) {
        const sentence = error instanceof TypeError ? "The site can't be reached." : error.message;
        stopped = `${sentence.slice(0, 300)} ${done} of ${photos.length} photos were sent.`;
        return;
      }
      bar.value = done += 1;
      if (done % 10 === 0 || photos.length <= 20) words.textContent = `${done} of ${photos.length} photos sent; keep this page open`;
    }
  }

  await Promise.all(Array.from({ length: PARALLEL }, lane));
  removeEventListener("beforeunload", leaving);
  words.textContent = stopped;
  bar.hidden = true;
  box.hidden = !stopped;
}

/* A list that is open, or a file that was just chosen, must not be swapped away by the next look. */
document.body.addEventListener("htmx:beforeSwap", (event) => {
  const active = document.activeElement;
  const busy = active?.matches("#comparison select, #comparison input[type=file]");
  if (busy && event.detail.requestConfig.verb === "get") event.detail.shouldSwap = false;
});
document.body.addEventListener("htmx:afterRequest", (event) => {
  const { verb, path, elt } = { ...event.detail.requestConfig };
  if (verb !== "post" || !path?.includes("/truth/")) return;
  // The button is gone; what changes the choice has taken its place.
  const photo = elt.querySelector("[name=photo]")?.value;
  document.getElementById(`other-${photo}`)?.focus({ preventScroll: true });
});
/* Choosing from the list is enough. */
document.body.addEventListener("change", (event) => {
  if (event.target.matches(".truth select")) event.target.form.requestSubmit();
});
const first = root.querySelector("[data-photo-form]");
if (first) form(first);
