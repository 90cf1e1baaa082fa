// The next cards are here before they are needed.

import { cardOf, currentCard, focus, list, showEmptiness, waiting, watch } from "./cards.js";
import { get, isOurs } from "./server.js";

const AHEAD = 15; // cards left when the next ones are fetched

let fetching = false;

export async function fetchAhead() {
  const link = document.querySelector("a[data-more]");
  if (!link || fetching || waiting().length > AHEAD) return;
  fetching = true;
  const page = await get(link.href);
  fetching = false;
  // Without an answer, or with the cards of another person, the link stays on the page and can be pressed.
  if (!page || !isOurs(page)) return;
  append(page, link);
  fetchAhead();
}

function append(page, link) {
  for (const card of page.querySelectorAll("[data-queue] > article")) {
    if (!cardOf(card.dataset.commentId)) list.append(card);
  }
  const further = page.querySelector("a[data-more]");
  if (further) link.href = new URL(further.getAttribute("href"), link.href).href;
  else link.replaceWith(...page.querySelectorAll("a[data-further]"));
  watch();
  showEmptiness();
  if (!currentCard()) focus(waiting()[0]);
}
