// The cards on the screen: which are there, which is being read, which comes next.

export const main = document.querySelector("main");
export const list = document.querySelector("[data-queue]") ?? document.createElement("div");

export const waiting = () => [...list.querySelectorAll(":scope > article:not([hidden])")];
export const cardOf = (id) => list.querySelector(`:scope > article[data-comment-id="${id}"]`);

let current = null;
export const currentCard = () => current;

export function select(card) {
  current?.classList.remove("current");
  current = card ?? null;
  current?.classList.add("current");
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

// A thumb has no focus: the card that it scrolled to the upper half is the one that is being read.
const thumb = new IntersectionObserver(
  (entries) => {
    const card = entries.find((entry) => entry.isIntersecting)?.target;
    if (card) select(card);
  },
  { rootMargin: "-30% 0px -69%" },
);

export function watch() {
  const touched = matchMedia("(hover: none)").matches;
  for (const card of waiting()) {
    eyes.observe(card);
    if (touched) thumb.observe(card);
  }
}
