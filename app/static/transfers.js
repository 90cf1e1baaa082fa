// Sends the file of an import in parts, each with its offset, and updates the progress of an import or export.

import { parse } from "./parse.js";

const POLL = 2000, LONGEST_PAUSE = 30_000; // milliseconds
const SMALLEST = 16 << 10; // bytes of a part, below the limit of any proxy

const pause = ms => new Promise(done => setTimeout(done, ms));
const OURS = { "X-Requested-With": "fetch" };

for (const form of document.querySelectorAll("[data-upload]")) {
  form.addEventListener("submit", event => {
    event.preventDefault();
    upload(form).catch(trouble => say(form, trouble.message));
  });
}

async function upload(form) {
  const file = form.file.files[0], words = form.querySelector("[data-sending]"), begun = form.dataset;
  if (begun.size && (file.size !== +begun.size || file.name !== begun.name)) throw new Error(words.dataset.other);
  form.querySelector("button").disabled = true;
  try {
    const job = begun.to ? { part: begun.to, page: begun.page } : await begin(form, file);
    words.hidden = false;
    say(form, words.dataset.begun);
    await sendParts(form, file, job.part, +(begun.received || 0));
    say(form, words.dataset.sent);
    location.assign(job.page);
  } finally {
    form.querySelector("button").disabled = false;
  }
}

async function begin(form, file) {
  const body = new URLSearchParams({ csrf_token: form.csrf_token.value, name: file.name, size: file.size });
  const answer = await fetch(form.action, { method: "POST", headers: OURS, body });
  return answer.ok ? answer.json() : refuse(form, answer);
}

async function sendParts(form, file, to, received) {
  let size = +form.dataset.part, wait = 1000;
  while (received < file.size) {
    const answer = await sendPart(form, file.slice(received, received + size), `${to}?at=${received}`);
    if (answer?.ok || answer?.status === 409) {
      const now = (await answer.json()).received;
      // The service counts: after a break it may have more or less than was seen here.
      if (answer.status === 409 && !(now > received)) throw new Error(refusal(form));
      received = now;
      wait = 1000;
      show(form, received / file.size);
    } else if (answer?.status === 413 && size > SMALLEST) {
      size = Math.max(SMALLEST, size >> 1);
    } else if (answer && answer.status < 500 && answer.status !== 429) {
      await refuse(form, answer);
    } else {
      say(form, form.querySelector("[data-sending]").dataset.lost);
      await pause(wait);
      wait = Math.min(2 * wait, LONGEST_PAUSE);
    }
  }
}

async function sendPart(form, body, address) {
  const headers = { ...OURS, "X-CSRFToken": form.csrf_token.value, "Content-Type": "application/octet-stream" };
  try {
    return await fetch(address, { method: "POST", headers, body });
  } catch (trouble) {
    console.warn(trouble);
    return null;
  }
}

async function refuse(form, answer) {
  const isJson = answer.headers.get("Content-Type")?.includes("json");
  throw new Error((isJson && (await answer.json()).title) || refusal(form));
}

const refusal = form => form.querySelector("[data-sending]").dataset.refused;

function show(form, share) {
  const percent = Math.floor(share * 100);
  form.querySelector("progress").value = percent;
  form.querySelector("[data-percent]").textContent = `${percent} %`;
}

function say(form, text) {
  const place = form.querySelector("[data-said]");
  if (place.textContent !== text) place.textContent = text;
}

// Progress is replaced in place, so that the focus and the reading position stay; at the end the page is loaded again.
async function follow(job) {
  for (;;) {
    await pause(POLL);
    const page = await load();
    const now = page?.querySelector("[data-job]");
    if (page && now?.dataset.state !== job.dataset.state) return location.reload();
    if (now) job.querySelector("[data-progress]").replaceChildren(...now.querySelector("[data-progress]").childNodes);
  }
}

async function load() {
  try {
    const answer = await fetch(location.href, { headers: OURS });
    return answer.status < 500 ? parse(await answer.text()) : null;
  } catch (trouble) {
    console.warn(trouble);
    return null;
  }
}

const job = document.querySelector("[data-job][data-at-work]");
if (job) follow(job);
