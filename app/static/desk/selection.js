// Select one card, a range, or near duplicates; act on all of them at once.

import { currentCard, main, waiting, wasRead } from "./cards.js";
import { decideAll, wordOf } from "./decisions.js";
import { fieldsOf } from "./server.js";

const MOST = 500; // comments in one request
const bar = document.querySelector("[data-batch]");
const FINE = "3";

let anchor = null;

const boxOf = (card) => card.querySelector("[data-mark]");
const marked = () => waiting().filter((card) => boxOf(card).checked);
const alike = (card) => waiting().filter((each) => each.dataset.alike === card.dataset.alike);

export function prepareMarks() {
  // The script knows which cards were seen; these fields replace it without JavaScript.
  for (const field of document.querySelectorAll("[name=shown]")) field.remove();
  bar?.querySelector("[data-all]")?.removeAttribute("hidden");
  marksChanged();
}

export function mark() {
  const card = currentCard();
  if (!card || !bar) return;
  boxOf(card).click();
  anchor = card;
}

export function markAll(isMarked) {
  for (const card of waiting()) boxOf(card).checked = isMarked;
  marksChanged();
}

export function markRange() {
  if (!bar) return;
  const cards = waiting();
  const ends = [cards.indexOf(anchor ?? currentCard()), cards.indexOf(currentCard())].sort((a, b) => a - b);
  for (const card of cards.slice(Math.max(ends[0], 0), ends[1] + 1)) boxOf(card).checked = true;
  marksChanged();
}

export function markAlike() {
  const card = currentCard();
  if (!card) return;
  for (const each of alike(card)) boxOf(each).checked = true;
  marksChanged();
}

export function marksChanged() {
  if (!bar) return;
  const number = marked().length;
  bar.hidden = number === 0 && main.dataset.lane !== FINE && !bar.matches("[data-always]");
  bar.querySelector("[data-marked-count]").textContent = number || "";
  bar.querySelector("[data-mark-alike]").hidden = false;
}

// Only cards that the moderator has seen, whatever is selected.
export function decideMarked(form, button) {
  const chosen = marked();
  const rest = main.dataset.lane === FINE && button.value === "approved" && !chosen.length;
  const cards = (rest ? waiting() : chosen).filter(wasRead).slice(0, MOST);
  if (!cards.length) return;
  const given = fieldsOf(form, button);
  const fields = (left) => withComments(given, left);
  decideAll(cards, form.action, fields, `${wordOf(button)} (${cards.length})`);
  for (const card of cards) boxOf(card).checked = false;
  anchor = null;
  marksChanged();
}

function withComments(given, cards) {
  const fields = new URLSearchParams(given);
  fields.delete("comment");
  for (const card of cards) fields.append("comment", boxOf(card).value);
  return fields;
}
