/* Forms with data-passkey: "create" adds a passkey, "get" signs in with one. The form posts what
   the browser's own dialogue gives. Without JavaScript or passkeys such a form stays hidden. */
const WORDS = {
  NotAllowedError: "That was cancelled, or took too long. You can try again.",
  InvalidStateError: "This device already holds a passkey for your account.",
  SecurityError: "Passkeys need https, or the name localhost on a developer's machine.",
};

async function asked(form) {
  const kept = form.dataset.passkeyJson;
  if (kept) return JSON.parse(document.getElementById(kept).textContent);
  const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`the site answered ${answer.status}`);
  return answer.json();
}

async function create(form) {
  const { publicKey } = (await asked(form)).creation_options;
  // A passkey, not just a key: it knows whose it is, and asks its owner for a finger or a PIN.
  publicKey.authenticatorSelection = {
    ...publicKey.authenticatorSelection,
    residentKey: "required",
    requireResidentKey: true,
    userVerification: "required",
  };
  return navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey),
  });
}

async function get(form) {
  const { publicKey } = (await asked(form)).request_options;
  return navigator.credentials.get({
    publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey),
  });
}

function offer(form) {
  const button = form.querySelector("button");
  const said = form.querySelector("[data-passkey-said]");
  const ceremony = form.dataset.passkey === "create" ? create : get;
  form.hidden = false;
  button.addEventListener("click", async () => {
    said.hidden = true;
    button.disabled = true;
    try {
      const credential = await ceremony(form);
      form.elements.credential.value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch (error) {
      said.textContent = WORDS[error.name] ?? `That did not work: ${error.message}.`;
      said.hidden = false;
      button.disabled = false;
    }
  });
}

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  for (const missing of document.querySelectorAll("[data-passkey-missing]")) missing.hidden = true;
  document.querySelectorAll("[data-passkey]").forEach(offer);
}
