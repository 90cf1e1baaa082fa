// The cards on the screen: which are there, which is being read, which comes next.

export const main = document.querySelector("main");
export const list = document.querySelector("[data-queue]") ?? document.createElement("div");

export const waiting = () => [...list.querySelectorAll(":scope > article:not([hidden])")];
export const cardOf = (id) => list.querySelector(`:scope > article[data-comment-id="${id}"]`);

let current = null;
export const currentCard = () => current;

export function select(card) {
  if (card === current) return;
  current?.classList.remove("current");
  if (current) open(current, false);
  current = card ?? null;
  current?.classList.add("current");
  if (current) open(current, true);
}

// Links and menus of the other cards are not in the tab order: five stops a card are enough to decide.
function open(card, isOpen) {
  for (const each of card.querySelectorAll("a:not(.notice *), summary")) each.tabIndex = isOpen ? 0 : -1;
}

export function focus(card) {
  select(card);
  if (!card) return main.focus({ preventScroll: true });
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: card.offsetHeight < innerHeight * 0.7 ? "nearest" : "start" });
}

// The next card that stays when these go; the one before them at the end of the list.
export function besides(cards) {
  const all = waiting();
  const last = all.indexOf(cards[cards.length - 1]);
  const stays = (card) => !cards.includes(card);
  return all.slice(last + 1).find(stays) ?? all.slice(0, last).findLast(stays);
}

export function move(step) {
  const cards = waiting();
  const at = cards.indexOf(current);
  focus(cards[at + step] ?? cards[at] ?? cards[0]);
}

export function showEmptiness() {
  const empty = document.querySelector("[data-empty]");
  if (empty) empty.hidden = waiting().length > 0;
}

// A card comes back, or comes for the first time, at its own place or before the others.
export function put(fresh) {
  const old = cardOf(fresh.dataset.commentId);
  if (old) old.replaceWith(fresh);
  else list.prepend(fresh);
  watch();
  showEmptiness();
}

// Counts as seen if half of it, or half a screen of it, was visible.

const read = new WeakSet();
export const wasRead = (card) => read.has(card) || card === current;

const eyes = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      const enough = entry.intersectionRatio >= 0.5 || entry.intersectionRect.height >= innerHeight / 2;
      if (enough) read.add(entry.target);
    }
  },
  { threshold: [0, 0.25, 0.5] },
);

export function watch() {
  for (const card of waiting()) {
    eyes.observe(card);
    if (card !== current) open(card, false);
  }
}
