// Decide: show the next card at once and send the decision in the background; a failed one comes back.

import { fetchAhead } from "./prefetch.js";
import { besides, cardOf, currentCard, focus, list, put, select, showEmptiness, waiting } from "./cards.js";
import { count } from "./presence.js";
import { say } from "./confirmations.js";
import { fieldsOf } from "./server.js";
import { submit } from "./unsaved.js";

export function decide(card, form, button) {
  if (card.hidden) return;
  const action = button.hasAttribute("formaction") ? button.formAction : form.action;
  const fields = fieldsOf(form, button);
  decideAll([card], action, () => fields, wordOf(button));
}

// Hide the cards, send the fields, and do as the answer says. `fields` is a function of the cards that are left.
export function decideAll(cards, action, fields, label) {
  const job = { cards, action, label };
  submit(
    Object.assign(job, {
      fields: () => fields(job.cards),
      begin: (isRepeated) => takeAway(job.cards, isRepeated),
      accept: (answer) => accepted(job.cards, answer),
      fail: () => bringBack(job.cards),
      place: () => job.cards.find((card) => card.isConnected) ?? list.parentElement,
    }),
  );
}

export const wordOf = (button) => button.firstChild.textContent.trim();

// A colleague's decision stands.
export function accept(card) {
  const next = besides([card]);
  card.remove();
  focus(next);
  showEmptiness();
}

function takeAway(cards, isRepeated) {
  const next = besides(cards);
  const isHere = !isRepeated || cards.some((card) => card.contains(document.activeElement));
  for (const card of cards) {
    card.classList.remove("unsaved");
    card.hidden = true;
  }
  if (isHere) focus(next);
  else if (cards.includes(currentCard())) select(next);
  showEmptiness();
  fetchAhead();
}

function accepted(cards, { status, page }) {
  if (status === 409 && page.querySelector("article")) changed(page);
  else if (status === 200) settle(cards, page);
  else return false;
  return true;
}

function settle(cards, page) {
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

function bringBack(cards) {
  for (const card of cards) {
    card.hidden = false;
    card.classList.add("unsaved");
  }
  showEmptiness();
  // The moderator may be writing elsewhere by now: the card is announced and marked, not focused.
  if (!waiting().some((card) => card.contains(document.activeElement) && !cards.includes(card))) focus(cards[0]);
}
