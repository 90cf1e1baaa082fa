// Panels that open on a card, and actions on its author.

import { cardOf, focus, showEmptiness } from "./cards.js";
import { say, saySentence } from "./confirmations.js";
import { follow } from "./decisions.js";
import { fieldsOf, get, send, sentence } from "./server.js";

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
  section.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  section.querySelector("input:checked")?.focus({ preventScroll: true });
  place.scrollIntoView({ block: "nearest" });
}

// Trust, always hold, block: confirm it, and remove the cards that are gone.
export function act(form, button) {
  follow(tell(form, button));
}

async function tell(form, button) {
  const card = form.closest("article");
  const answer = await send(form.action, fieldsOf(form, button));
  if (answer?.status !== 200) return saySentence(sentence(answer));
  const box = answer.page.querySelector(".decided");
  close(card);
  for (const id of box.dataset.gone.split(" ").filter(Boolean)) cardOf(id)?.remove();
  say(box);
  showEmptiness();
  focus(card.isConnected ? card : document.querySelector("[data-queue] > article:not([hidden])"));
}

export function note(form) {
  follow(keep(form));
}

async function keep(form) {
  const card = form.closest("article");
  const answer = await send(form.action, fieldsOf(form));
  if (answer?.status !== 200) return saySentence(sentence(answer));
  card.querySelector("[data-notes]").replaceWith(answer.page.querySelector("[data-notes]"));
  form.reset();
  form.closest("details").open = false;
  focus(card);
}

function close(card) {
  const place = card?.querySelector("[data-place]");
  place?.replaceChildren();
  if (place) place.dataset.place = "";
}
