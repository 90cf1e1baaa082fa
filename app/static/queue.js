// The queue without waiting: keys press the page's own buttons, decisions are sent behind her back, none is lost.

import { localise } from "./times.js";

const main = document.querySelector("main");
const list = document.querySelector("[data-queue]");
const done = document.querySelector("[data-done]");
const PATIENCE = 20_000; // milliseconds until an answer is given up
const AHEAD = 8; // cards left when the next ones are fetched

const flying = new Set();
let current = null;
let fetching = false;

// Cards

const waiting = () => [...list.querySelectorAll("article:not([hidden])")];

function select(card) {
  current?.classList.remove("current");
  current = card ?? null;
  current?.classList.add("current");
}

function focus(card) {
  select(card);
  if (!card) return main.focus({ preventScroll: true });
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: card.offsetHeight < innerHeight * 0.7 ? "nearest" : "start" });
}

function neighbour(card, step) {
  const cards = waiting();
  return cards[cards.indexOf(card) + step];
}

function move(step) {
  const cards = waiting();
  const at = cards.indexOf(current);
  const onIt = current?.contains(document.activeElement);
  focus(onIt ? (cards[at + step] ?? current) : (current ?? cards[0]));
}

function showEmptiness() {
  document.querySelector("[data-empty]").hidden = waiting().length > 0;
}

function count(status, step) {
  const place = document.querySelector(`[data-count="${status}"]`);
  if (place) place.textContent = Math.max(0, Number(place.textContent) + step);
}

// Talking to the server

async function send(form, button) {
  const body = new URLSearchParams(new FormData(form));
  if (button?.name) body.set(button.name, button.value);
  const answer = await fetch(form.action, {
    method: "POST",
    body,
    headers: { "X-Requested-With": "fetch" },
    keepalive: true,
    redirect: "error",
    signal: AbortSignal.timeout(PATIENCE),
  });
  return { status: answer.status, page: parse(await answer.text()) };
}

function parse(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  localise(page);
  return page;
}

const sentence = (page) => page?.querySelector("[role=alert]")?.textContent.trim() || list.dataset.offline;

function follow(work) {
  flying.add(work);
  work.finally(() => flying.delete(work));
}

// Decide

async function decide(card, form, button) {
  const next = neighbour(card, 1) ?? neighbour(card, -1);
  card.querySelector(".unsaved-note")?.remove();
  card.classList.remove("unsaved");
  card.hidden = true;
  focus(next);
  showEmptiness();
  fetchAhead();
  let answer = null;
  try {
    answer = await send(form, button);
  } catch (trouble) {
    console.warn(trouble);
  }
  if (answer?.status === 200) return accepted(card, button, answer.page);
  if (answer?.status === 409) return changed(card, answer.page);
  bringBack(card, button, sentence(answer?.page));
}

function accepted(card, button, page) {
  count(card.dataset.status, -1);
  count(button.value, 1);
  card.remove();
  say(page.querySelector("[data-decided]"));
}

function changed(card, page) {
  const fresh = page.querySelector("article");
  if (!fresh) return say(note(sentence(page)));
  card.replaceWith(fresh);
  count(card.dataset.status, -1);
  count(fresh.dataset.status, 1);
  focus(fresh);
  showEmptiness();
}

function bringBack(card, button, why) {
  card.hidden = false;
  card.classList.add("unsaved");
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
  card.prepend(box);
  showEmptiness();
  focus(card);
}

// Undo

function note(text) {
  const box = document.createElement("div");
  box.className = "decided";
  const line = document.createElement("p");
  line.textContent = text;
  box.append(line);
  return box;
}

function say(box) {
  done.append(box);
}

async function undo(form) {
  const box = form.closest("[data-decided]");
  let answer = null;
  try {
    answer = await send(form);
  } catch (trouble) {
    console.warn(trouble);
  }
  const fresh = answer?.status === 200 ? answer.page.querySelector("article") : null;
  if (!fresh) {
    box.querySelector("p").textContent = sentence(answer?.page);
    return;
  }
  count(box.dataset.status, -1);
  comeBack(fresh, box.dataset.decided);
  box.remove();
}

function comeBack(fresh, id) {
  const old = list.querySelector(`article[data-comment-id="${id}"]`);
  if (old) old.replaceWith(fresh);
  else list.prepend(fresh);
  watch();
  count(fresh.dataset.status, 1);
  showEmptiness();
  focus(fresh);
}

async function undoLast() {
  // What she wants to take back may still be on its way.
  await Promise.allSettled(flying);
  const boxes = done.querySelectorAll("[data-decided]");
  boxes[boxes.length - 1]?.querySelector('[data-key="z"]').click();
}

// More

async function fetchAhead() {
  const link = document.querySelector("a[data-more]");
  if (!link || fetching || waiting().length > AHEAD) return;
  fetching = true;
  try {
    const answer = await fetch(link.href, { headers: { "X-Requested-With": "fetch" } });
    if (answer.ok) append(parse(await answer.text()), link);
  } catch (trouble) {
    // The link stays on the page and can be pressed.
    console.warn(trouble);
  }
  fetching = false;
}

function append(page, link) {
  for (const card of page.querySelectorAll("[data-queue] > article")) {
    if (!list.querySelector(`article[data-comment-id="${card.dataset.commentId}"]`)) list.append(card);
  }
  const further = page.querySelector("a[data-more]");
  if (further) link.href = new URL(further.getAttribute("href"), link.href).href;
  else link.remove();
  watch();
  showEmptiness();
  if (!current) focus(waiting()[0]);
}

// Keys

function letter(event) {
  // An IME says "Process" or a kana, a full-width mode says "ａ": the key itself is what she means.
  const key = event.key.normalize("NFKC");
  if (/^[\x21-\x7e]$/.test(key)) return key.toLowerCase();
  if (event.code === "Slash" && event.shiftKey) return "?";
  return event.code.startsWith("Key") ? event.code.slice(3).toLowerCase() : "";
}

const ACTIONS = {
  j: () => move(1),
  k: () => move(-1),
  z: undoLast,
  "?": () => document.querySelector('[data-key="?"]').click(),
};

function pressed(event) {
  if (main.dataset.keys !== "on" || event.repeat || event.isComposing || event.defaultPrevented) return;
  if (event.altKey || event.target.closest("input, textarea, select, [contenteditable]")) return;
  const key = letter(event);
  if ((event.ctrlKey || event.metaKey) && key !== "z") return;
  if (event.shiftKey && key !== "?") return;
  const act = ACTIONS[key] ?? buttonOf(key);
  if (!act) return;
  event.preventDefault();
  act();
}

function buttonOf(key) {
  const button = /^[a-z]$/.test(key) && current?.querySelector(`[data-key="${key}"]`);
  return button && !current.hidden ? () => button.click() : null;
}

// A thumb has no focus: the card that it scrolled to the upper half is the one that is being read.

const seen = new IntersectionObserver(
  (entries) => {
    const card = entries.find((entry) => entry.isIntersecting)?.target;
    if (card) select(card);
  },
  { rootMargin: "-30% 0px -69%" },
);

function watch() {
  if (matchMedia("(hover: none)").matches) for (const card of waiting()) seen.observe(card);
}

// Ears

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-decide]")) {
    event.preventDefault();
    const card = form.closest("article");
    if (!card.hidden) follow(decide(card, form, event.submitter));
  } else if (form.matches("[data-undo]")) {
    event.preventDefault();
    follow(undo(form));
  }
});
document.addEventListener("keydown", pressed);
document.addEventListener("focusin", (event) => {
  const card = event.target.closest?.("article[data-comment-id]");
  if (card) select(card);
});
window.addEventListener("beforeunload", (event) => {
  if (flying.size || list.querySelector(".unsaved")) event.preventDefault();
});

select(waiting()[0]);
watch();
fetchAhead();
