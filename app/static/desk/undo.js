// Undo the last decision; the cards come back to their places.

import { cardOf, focus, list, put } from "./cards.js";
import { count } from "./presence.js";
import { forget, lastWayBack, say } from "./confirmations.js";
import { wordOf } from "./decisions.js";
import { fieldsOf, sentence } from "./server.js";
import { settled, submit } from "./unsaved.js";

export function undo(form, button) {
  const box = form.closest(".decided");
  const fields = fieldsOf(form);
  submit({
    form,
    action: form.action,
    label: wordOf(button),
    fields: () => fields,
    accept: (answer) => takenBack(box, answer),
    fail() {},
    place: () => list.parentElement,
  });
}

export async function undoLast() {
  // The decision to undo may still be on its way.
  await settled();
  lastWayBack()?.click();
}

function takenBack(box, answer) {
  if (answer.status === 409) box.querySelector("p").textContent = sentence(answer);
  else if (answer.status === 200) bringBack(box, answer.page);
  else return false;
  return true;
}

function bringBack(box, page) {
  const fresh = [...page.querySelectorAll("article")];
  for (const card of fresh.toReversed()) {
    // A card that never left was counted all the time.
    if (!cardOf(card.dataset.commentId)) count(card.dataset.lane, 1);
    put(card);
  }
  forget(box);
  say(page.querySelector(".decided"));
  if (fresh.length) focus(fresh[0]);
}
