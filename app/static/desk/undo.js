// Undo the last decision; the cards come back to their places.

import { focus, put } from "./cards.js";
import { count } from "./presence.js";
import { lastWayBack, say } from "./confirmations.js";
import { follow, settled } from "./decisions.js";
import { fieldsOf, send, sentence } from "./server.js";

export function undo(form) {
  follow(takeBack(form));
}

export async function undoLast() {
  // The decision to undo may still be on its way.
  await settled();
  lastWayBack()?.click();
}

async function takeBack(form) {
  const box = form.closest(".decided");
  const answer = await send(form.action, fieldsOf(form));
  if (answer?.status !== 200) {
    box.querySelector("p").textContent = sentence(answer);
    return;
  }
  const fresh = [...answer.page.querySelectorAll("article")];
  for (const card of fresh.toReversed()) {
    put(card);
    count(card.dataset.lane, 1);
  }
  box.remove();
  say(answer.page.querySelector(".decided"));
  if (fresh.length) focus(fresh[0]);
}
