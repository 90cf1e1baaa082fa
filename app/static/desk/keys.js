// Keys press buttons that are on the page: those of the card that is being read, then those of the page.

import { currentCard, focus, main } from "./cards.js";
import { mark, markRange } from "./selection.js";
import { undoLast } from "./undo.js";
import { settled } from "./unsaved.js";

const TYPING = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const MOVES = { z: undoLast, x: mark, X: markRange, n: writeNote, "/": search };

export function pressed(event) {
  if (main.dataset.keys !== "on" || event.repeat || event.isComposing || event.defaultPrevented) return;
  if (event.key === "Escape") return close(event);
  if (event.altKey || event.target.closest(TYPING)) return;
  const name = nameOf(event);
  const act = choosing(name) ?? conflict(name, event) ?? MOVES[name] ?? buttonOf(name);
  if (!act) return;
  event.preventDefault();
  act();
}

// What the key means: an IME says "Process" or a kana, a full-width mode says "ａ", Shift asks for all marked.
function nameOf(event) {
  const letter = letterOf(event);
  if (event.ctrlKey || event.metaKey) return letter === "z" && !event.shiftKey ? letter : "";
  return event.shiftKey && /^[a-z]$/.test(letter) ? letter.toUpperCase() : letter;
}

function letterOf(event) {
  const key = event.key.normalize("NFKC");
  if (/^[\x21-\x7e]$/.test(key)) return key.toLowerCase();
  if (key === "Enter") return key;
  if (event.code === "Slash") return event.shiftKey ? "?" : "/";
  const typed = /^(?:Key([A-Z])|(?:Digit|Numpad)([0-9]))$/.exec(event.code);
  return typed ? (typed[1]?.toLowerCase() ?? typed[2]) : "";
}

// R opens the reasons; a digit takes one, Enter the usual, anything else goes on as if they were closed.
function choosing(name) {
  const card = currentCard();
  const menu = card?.querySelector("[data-reasons]");
  if (!menu) return undefined;
  if (!menu.open) return name === "r" ? () => (menu.open = true) : undefined;
  menu.open = false;
  const button = name === "Enter" || name === "r" ? '[data-key="r"]' : `[data-digit="${CSS.escape(name)}"]`;
  const found = name && menu.parentElement.querySelector(button);
  return found ? () => found.click() : undefined;
}

// A card with a conflict: Enter accepts the decision of the other moderator, O overrides it.
function conflict(name, event) {
  const box = currentCard()?.querySelector("[data-conflict]");
  if (!box || (name !== "Enter" && name !== "o")) return undefined;
  if (name === "Enter" && event.target.closest("a, button, summary")) return undefined;
  const button = box.querySelector(`[data-key="${name}"]`);
  return button ? () => button.click() : undefined;
}

function buttonOf(name) {
  if (!name || name === "Enter") return undefined;
  const key = `[data-key="${CSS.escape(name)}"]`;
  const card = currentCard();
  const button = (!card?.hidden && card?.querySelector(key)) || document.querySelector(`:not(article *)${key}`);
  if (!button || button.closest("[hidden]")) return undefined;
  return button.matches("a:not([data-step])") ? () => go(button) : () => button.click();
}

// Pending requests arrive before the page is left.
async function go(link) {
  await settled();
  link.click();
}

function writeNote() {
  const details = currentCard()?.querySelector(".noting");
  if (!details) return;
  details.open = true;
  details.querySelector("textarea").focus();
}

function search() {
  const box = document.querySelector("form.search [name=q]");
  if (box) box.focus();
  else go(document.querySelector('nav [data-key="/"]'));
}

function close(event) {
  const open = event.target.closest("details[open]") ?? document.querySelector("[data-reasons][open], .menu[open]");
  if (open) open.open = false;
  const card = event.target.closest("article");
  if (card) focus(card);
}
