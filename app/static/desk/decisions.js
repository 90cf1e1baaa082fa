// Decide: show the next card at once and send the decision in the background; a failed one comes back.

import { fetchAhead } from "./prefetch.js";
import { besides, cardOf, focus, list, main, put, showEmptiness, waiting } from "./cards.js";
import { count } from "./presence.js";
import { say, saySentence } from "./confirmations.js";
import { fieldsOf, send, sentence } from "./server.js";

const flying = new Set();

export const isUnsent = () => flying.size > 0 || list.querySelector(".unsaved") !== null;
export const settled = () => Promise.allSettled(flying);

export function follow(work) {
  flying.add(work);
  main.dataset.sending = flying.size;
  work.finally(() => {
    flying.delete(work);
    main.dataset.sending = flying.size;
  });
  return work;
}

export function decide(card, form, button) {
  if (card.hidden) return;
  const action = button.hasAttribute("formaction") ? button.formAction : form.action;
  follow(decideAll([card], action, fieldsOf(form, button), button));
}

// Hide the cards, send the fields, and do as the answer says.
export async function decideAll(cards, action, fields, button) {
  const next = besides(cards);
  for (const card of cards) takeAway(card);
  focus(next);
  showEmptiness();
  fetchAhead();
  const answer = await send(action, fields);
  if (answer?.status === 200) return accepted(cards, answer.page);
  if (answer?.status === 409 && answer.page.querySelector("article")) return changed(answer.page);
  bringBack(cards, button, sentence(answer));
}

// A colleague's decision stands.
export function accept(card) {
  const next = besides([card]);
  card.remove();
  focus(next);
  showEmptiness();
}

function takeAway(card) {
  card.querySelector(".unsaved-note")?.remove();
  card.classList.remove("unsaved");
  card.hidden = true;
}

function accepted(cards, page) {
  const box = page.querySelector(".decided");
  for (const card of cards) {
    if (box.dataset.decided) count(card.dataset.lane, -1);
    card.remove();
  }
  for (const fresh of page.querySelectorAll("[data-changed] > article")) put(fresh);
  say(box);
  showEmptiness();
}

function changed(page) {
  const fresh = page.querySelector("article");
  const old = cardOf(fresh.dataset.commentId);
  if (old && old.dataset.lane !== fresh.dataset.lane) count(old.dataset.lane, -1);
  put(fresh);
  focus(fresh);
}

function bringBack(cards, button, why) {
  for (const card of cards) {
    card.hidden = false;
    card.classList.add("unsaved");
  }
  cards[0].prepend(unsavedNote(why, button));
  saySentence(`${list.dataset.unsaved}: ${why}`);
  showEmptiness();
  // The moderator may be writing elsewhere by now: the card is announced and marked, not focused.
  if (!waiting().some((card) => card.contains(document.activeElement) && !cards.includes(card))) focus(cards[0]);
}

function unsavedNote(why, button) {
  const box = document.createElement("p");
  box.className = "notice error unsaved-note";
  box.setAttribute("role", "alert");
  const mark = document.createElement("b");
  mark.textContent = list.dataset.unsaved;
  const again = document.createElement("button");
  again.type = "button";
  again.textContent = list.dataset.retry;
  again.addEventListener("click", () => button.click());
  box.append(mark, ` ${why} `, again);
  return box;
}
