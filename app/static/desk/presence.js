// Other moderators, the numbers of pending comments, and the leases of the cards on this screen.

import { list, main, waiting } from "./cards.js";
import { csrf, send } from "./server.js";

const EVERY = 60_000; // milliseconds; a lease lasts three minutes
const FIRST = 5_000;
const OPINIONS = "6"; // a lane of its own: its comments are not pending

export function count(lane, step) {
  if (!Number(lane)) return;
  for (const each of lane === OPINIONS ? [lane] : [lane, "5"]) {
    const place = document.querySelector(`[data-count="${each}"]`);
    // "1000+" stays until the server counts again.
    const shown = Number(place?.textContent);
    if (place && !Number.isNaN(shown)) place.textContent = Math.max(0, shown + step);
  }
  retitle();
}

// The title says how many comments the lane has, as the server wrote it.
function retitle() {
  const now = document.querySelector(`[data-count="${main.dataset.lane}"]`)?.textContent;
  if (now && main.dataset.title) document.title = main.dataset.title.replace("{count}", now);
}

export function stay() {
  setTimeout(renew, FIRST);
  setInterval(renew, EVERY);
}

// Closed, or left for another page: release the leases at once.
export function leave() {
  if (waiting().length && list.dataset.lease) navigator.sendBeacon(list.dataset.lease, fields("leave"));
}

async function renew() {
  if (document.visibilityState !== "visible" || !list.dataset.lease) return;
  const answer = await send(list.dataset.lease, fields());
  if (answer?.status !== 200) return;
  document.querySelector("[data-presence]")?.replaceWith(answer.page.querySelector("[data-presence]"));
  for (const each of answer.page.querySelectorAll("[data-counts] data")) {
    const place = document.querySelector(`[data-count="${each.value}"]`);
    if (place) place.textContent = each.textContent;
  }
  remind(answer.page.querySelector("[data-reminder] > *"));
  retitle();
}

// Once: a reminder that is there is not told again.
function remind(reminder) {
  const place = document.querySelector("[data-reminder]");
  if (reminder && place && !place.children.length) place.append(reminder);
}

function fields(how = "stay") {
  const sent = new URLSearchParams({ [how]: "1" });
  sent.set("csrf_token", csrf());
  for (const card of waiting()) sent.append("comment", card.dataset.commentId);
  return sent;
}
