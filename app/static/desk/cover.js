// Cover a passage: words are chosen in the comment as it was typed; a preview comes from the server.

import { focus, put } from "./cards.js";
import { say, saySentence } from "./confirmations.js";
import { write } from "./panels.js";

export function cover(form, button) {
  write(form, button, (page) => {
    const fresh = page.querySelector("article");
    if (!fresh) return preview(form, page);
    put(fresh);
    focus(fresh);
    say(page.querySelector(".decided"));
  });
}

// Each selected line is a passage of its own.
export function addSelection(button) {
  const { source, words } = fieldsNear(button);
  const chosen = source.value.slice(source.selectionStart, source.selectionEnd);
  const lines = [...words.value.split("\n"), ...chosen.split("\n")].map((line) => line.trim());
  words.value = [...new Set(lines.filter(Boolean))].join("\n");
  words.focus();
  if (!chosen.trim()) saySentence(button.dataset.none);
}

function preview(form, page) {
  const fresh = page.querySelector(".preview");
  if (!fresh) return;
  form.querySelector(".preview")?.remove();
  form.querySelector("[name=preview]").before(fresh);
}

function fieldsNear(button) {
  const { form } = button;
  return { source: form.querySelector("[data-source]"), words: form.querySelector("[name=words]") };
}
