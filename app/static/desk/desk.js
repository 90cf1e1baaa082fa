// The desk: forms and links of the page, without the waiting. This file only says who listens to what.

import { fetchAhead } from "./prefetch.js";
import { list, main, move, select, waiting, watch } from "./cards.js";
import { pressed } from "./keys.js";
import { decideMarked, markAll, marksChanged, markAlike, prepareMarks } from "./selection.js";
import { act, insert, look, note } from "./panels.js";
import { addSelection, cover } from "./cover.js";
import { leave, stay } from "./presence.js";
import { accept, decide } from "./decisions.js";
import { show } from "./confirmations.js";
import { undo } from "./undo.js";
import { isUnsent } from "./unsaved.js";

const SUBMITTED = {
  "[data-decide]": (form, button) => decide(form.closest("article"), form, button),
  "[data-batch]": (form, button) => decideMarked(form, button),
  "[data-undo]": undo,
  "[data-open]": look,
  "[data-do]": act,
  "[data-note]": note,
  "[data-cover]": cover,
};

document.addEventListener("submit", (event) => {
  const kind = Object.keys(SUBMITTED).find((each) => event.target.matches(each));
  if (!kind) return;
  event.preventDefault();
  SUBMITTED[kind](event.target, event.submitter);
});
document.addEventListener("click", (event) => {
  const step = event.target.closest("[data-step]");
  if (step) {
    event.preventDefault();
    move(Number(step.dataset.step));
  }
  if (event.target.closest("[data-accept]")) {
    event.preventDefault();
    accept(event.target.closest("article"));
  }
  if (event.target.closest("[data-mark-alike]")) markAlike();
  if (event.target.matches("[data-insert]")) insert(event.target);
  if (event.target.closest("[data-cover-selection]")) addSelection(event.target);
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-mark]")) marksChanged();
  if (event.target.matches("[data-mark-all]")) markAll(event.target.checked);
});
document.addEventListener("keydown", pressed);
document.addEventListener("beforeinput", (event) => {
  if (event.target.matches("[data-source]")) event.preventDefault();
});
// The current card shows more. It must not grow under a pressed pointer: the click would miss its button.
let pressing = false;
document.addEventListener("pointerdown", () => (pressing = true), true);
for (const kind of ["pointerup", "pointercancel"]) {
  document.addEventListener(kind, () => setTimeout(release), true);
}
document.addEventListener("focusin", selectFocused);

function release() {
  pressing = false;
  selectFocused();
}

function selectFocused() {
  const card = document.activeElement?.closest("article[data-comment-id]");
  if (!pressing && card && list.contains(card)) select(card);
}

// A menu opens below its button, also at the end of the screen.
document.addEventListener("toggle", (event) => {
  if (event.target.matches("[data-reasons][open]")) event.target.lastElementChild.scrollIntoView({ block: "nearest" });
}, true);
window.addEventListener("beforeunload", (event) => {
  if (isUnsent()) event.preventDefault();
});
window.addEventListener("pagehide", leave);

select(waiting()[0]);
watch();
prepareMarks();
show();
stay();
fetchAhead();
main.dataset.ready = "";
