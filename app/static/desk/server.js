// Talk to the service: forms go out as the browser would send them, HTML comes back.

import { localise } from "../times.js";
import { list } from "./cards.js";

const PATIENCE = 20_000; // milliseconds until an answer is given up

export const OURS = { "X-Requested-With": "fetch" };

// The answer, or null when none came.
export async function send(action, fields) {
  try {
    const answer = await fetch(action, {
      method: "POST",
      body: fields,
      headers: OURS,
      keepalive: fields.toString().length < 60_000, // more than a browser keeps alive
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
    });
    return { status: answer.status, page: parse(await answer.text()) };
  } catch (trouble) {
    console.warn(trouble);
    return null;
  }
}

export async function get(address) {
  try {
    const answer = await fetch(address, { headers: OURS, signal: AbortSignal.timeout(PATIENCE) });
    return answer.ok ? parse(await answer.text()) : null;
  } catch (trouble) {
    console.warn(trouble);
    return null;
  }
}

export function fieldsOf(form, button) {
  const fields = new URLSearchParams(new FormData(form));
  if (button?.name) fields.set(button.name, button.value);
  return fields;
}

export const sentence = (answer) =>
  answer?.page.querySelector("[role=alert]")?.textContent.trim() || list.dataset.offline;

function parse(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  localise(page);
  return page;
}
