// Confirmations: a live region, whose last sentence is on the screen with its undo button.

const done = document.querySelector("[data-done]");
const KEPT = 200; // ways back

export function say(box) {
  if (!box) return;
  done.append(box);
  if (done.children.length > KEPT) done.firstElementChild.remove();
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
