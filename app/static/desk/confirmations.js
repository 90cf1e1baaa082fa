// Confirmations: the newest one is on the screen for a while, with its undo button. All sentences stay in a log.

const done = document.querySelector("[data-done]");
const log = document.querySelector("[data-log]");
const KEPT = 200; // ways back, and sentences
const SHOWN = 10_000; // milliseconds

let leaving;

export function say(box) {
  if (!box) return;
  done.append(box);
  note(box.querySelector("p").textContent);
  shorten(done);
  show();
}

export function saySentence(text) {
  const box = document.createElement("div");
  box.className = "decided";
  const line = document.createElement("p");
  line.textContent = text;
  box.append(line);
  say(box);
}

export const lastWayBack = () => [...done.querySelectorAll("[data-undo] button")].at(-1);

export function forget(box) {
  box.remove();
}

export function show() {
  delete done.dataset.over;
  clearTimeout(leaving);
  leaving = setTimeout(hide, SHOWN);
}

// Not while the pointer or the focus is on it.
function hide() {
  if (!done.matches(":hover, :focus-within")) done.dataset.over = "";
}

function note(text) {
  const line = document.createElement("p");
  line.textContent = text.trim().replace(/\s+/g, " ");
  log.append(line);
  shorten(log);
}

function shorten(place) {
  if (place.children.length > KEPT) place.firstElementChild.remove();
}

done.addEventListener("pointerleave", show);
done.addEventListener("focusout", show);
