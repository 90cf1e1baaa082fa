// Offers the browser's time zone, and updates the first steps of a site until a page was viewed and the email was sent.

import { parse } from "./parse.js";

const POLL = 2000; // milliseconds
const pause = ms => new Promise(done => setTimeout(done, ms));

const zones = document.querySelector("form:not(:has([aria-invalid])) select[name=timezone]");
if (zones?.value === "UTC") {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if ([...zones.options].some(option => option.value === here)) zones.value = here;
}

const steps = [...document.querySelectorAll("[data-step]")];
const isOpen = () => steps.some(step => step.dataset.state === "waiting");

// Only a step that has changed is replaced, so that it is announced once.
async function follow() {
  while (isOpen()) {
    await pause(POLL);
    const page = document.hidden ? null : await load();
    for (const step of page ? steps : []) {
      const now = page.querySelector(`[data-step=${step.dataset.step}]`);
      if (!now || now.dataset.state === step.dataset.state) continue;
      step.dataset.state = now.dataset.state;
      step.replaceChildren(...now.childNodes);
    }
  }
}

async function load() {
  try {
    const answer = await fetch(location.href);
    return answer.ok ? parse(await answer.text()) : null;
  } catch (trouble) {
    console.warn(trouble);
    return null;
  }
}

follow();
