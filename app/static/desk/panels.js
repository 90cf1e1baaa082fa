// Panels that open on a card, and actions on its author.

import { cardOf, focus, list, showEmptiness } from "./cards.js";
import { say, saySentence } from "./confirmations.js";
import { wordOf } from "./decisions.js";
import { fieldsOf, get, sentence } from "./server.js";
import { submit } from "./unsaved.js";

const REFUSED = [403, 404, 409, 422]; // told at once; sending it again changes nothing

// Open the thread, the history or the choices of a block; the same key closes them.
export async function look(form) {
  const card = form.closest("article");
  const place = card.querySelector("[data-place]");
  const wasOpen = place.dataset.place === form.action;
  place.replaceChildren();
  place.dataset.place = wasOpen ? "" : form.action;
  if (wasOpen) return focus(card);
  const page = await get(form.action);
  const section = page?.querySelector("section");
  if (!section) return saySentence(sentence(null));
  if (place.dataset.place !== form.action) return;
  place.replaceChildren(section);
  section.tabIndex = -1;
  // Buttons that need a script; and no browser selects by key in a field that is readonly.
  for (const each of section.querySelectorAll("[data-scripted]")) each.hidden = false;
  for (const each of section.querySelectorAll("[data-source]")) each.readOnly = false;
  section.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  section.querySelector("input:checked, textarea")?.focus({ preventScroll: true });
  place.scrollIntoView({ block: "nearest" });
}

// Trust, always hold, block: confirm it, and remove the cards that are gone.
export function act(form, button) {
  const card = form.closest("article");
  write(form, button, (page) => {
    const box = page.querySelector(".decided");
    close(card);
    for (const id of box.dataset.gone.split(" ").filter(Boolean)) cardOf(id)?.remove();
    const fresh = page.querySelector("[data-fresh] > form");
    if (fresh) document.getElementById(fresh.id)?.replaceWith(fresh);
    say(box);
    showEmptiness();
    focus(card.isConnected ? card : document.querySelector("[data-queue] > article:not([hidden])"));
  });
}

export function note(form, button) {
  const card = form.closest("article");
  write(form, button, (page) => {
    card.querySelector("[data-notes]").replaceWith(page.querySelector("[data-notes]"));
    form.reset();
    form.closest("details").open = false;
    if (card.isConnected && !card.hidden) focus(card);
  });
}

// A saved reply goes where the caret is; typed text stays.
export function insert(button) {
  const field = document.getElementById(button.dataset.into);
  field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
  field.focus();
}

export function write(form, button, done) {
  const card = form.closest("article");
  const fields = fieldsOf(form, button);
  submit({
    form,
    action: form.action,
    label: wordOf(button),
    fields: () => fields,
    accept({ status, page }) {
      if (status === 200) done(page);
      else if (REFUSED.includes(status)) saySentence(sentence({ page }));
      else return false;
      return true;
    },
    fail() {},
    place: () => (card.isConnected && !card.hidden ? card : list.parentElement),
  });
}

function close(card) {
  const place = card?.querySelector("[data-place]");
  place?.replaceChildren();
  if (place) place.dataset.place = "";
}
