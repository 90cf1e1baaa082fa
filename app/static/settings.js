// The settings of a site: search by word, and a warning before unsaved changes are lost.

const form = document.querySelector("[data-unsaved]");
const changed = form.querySelector("[data-changed]");
const typed = () => new URLSearchParams(new FormData(form)).toString();
// A form that came back with errors has unsaved changes from its beginning.
const saved = form.querySelector("[role=alert]") ? "" : typed();

function tell() {
  changed.textContent = typed() === saved ? "" : changed.dataset.said;
}
form.addEventListener("input", tell);
tell();

const warn = (event) => {
  if (typed() !== saved) event.preventDefault();
};
addEventListener("beforeunload", warn);
form.addEventListener("submit", () => removeEventListener("beforeunload", warn));

const find = document.querySelector("[data-find]");
const found = find.querySelector("[role=status]");
find.hidden = false;
find.addEventListener("input", (event) => show(event.target.value));

function show(words) {
  const wanted = plain(words).split(/\s+/).filter(Boolean);
  for (const section of form.querySelectorAll("fieldset")) {
    const heading = plain(section.querySelector("legend").textContent);
    const fields = [...section.querySelectorAll(".field, .tick")];
    for (const field of fields) {
      const text = `${heading} ${plain(wordsOf(field))}`;
      field.hidden = !wanted.every((word) => text.includes(word));
    }
    section.hidden = fields.every((field) => field.hidden);
  }
  found.textContent = wanted.length && !form.querySelector("fieldset:not([hidden])") ? found.dataset.none : "";
}

const plain = (text) => text.normalize("NFKC").toLowerCase();

// Without the hundreds of time zones.
function wordsOf(field) {
  const chosen = [...field.querySelectorAll("select")].map((each) => each.selectedOptions[0]?.text ?? "");
  const texts = [...field.querySelectorAll("label, .hint, .error, [id$=-unit]")].map((each) => each.textContent);
  return [...texts, ...chosen].join(" ");
}
