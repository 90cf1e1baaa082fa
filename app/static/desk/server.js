// Talk to the service: forms go out as the browser would send them, HTML comes back.

import { list, main } from "./cards.js";
import { parse } from "../parse.js";

const PATIENCE = 20_000; // milliseconds until an answer is given up

const OURS = { "X-Requested-With": "fetch" };

// Whether the browser's log-in is this page's: another tab may log out, log in again, or log in as another person.
export const SAME = "same", ENDED = "ended", OTHER = "other", UNKNOWN = "unknown";

let token = document.querySelector("[name=csrf_token]")?.value;
export const csrf = () => token;

// The answer, or null when none came.
export async function send(action, fields) {
  const answer = await post(action, fields);
  // 400: the token is of an earlier log-in. The new one's token must not be that of another person.
  const { state } = answer?.status === 400 ? await checkLogin() : {};
  return state === SAME ? post(action, fields) : answer;
}

// The log-in of this browser: its state, and its person's name if that is another one.
export async function checkLogin() {
  const answer = await ask(list.dataset.session);
  const there = answer?.page.querySelector("main[data-moderator]");
  if (!there) return { state: answer?.status === 401 ? ENDED : UNKNOWN };
  if (!isOurs(answer.page)) return { state: OTHER, name: there.dataset.name, page: answer.page };
  token = tokenOf(answer.page);
  return { state: SAME };
}

export const isOurs = (page) => page.querySelector("main")?.dataset.moderator === main.dataset.moderator;

// From now on this page acts for the other person.
export function adopt({ name, page }) {
  Object.assign(main.dataset, { moderator: page.querySelector("main").dataset.moderator, name });
  document.querySelector("[data-me]").textContent = name;
  token = tokenOf(page);
}

const tokenOf = (page) => page.querySelector("[name=csrf_token]").value;

async function post(action, fields) {
  fields.set("csrf_token", token);
  return ask(action, {
    method: "POST",
    body: fields,
    keepalive: fields.toString().length < 60_000, // more than a browser keeps alive
    redirect: "error",
  });
}

export async function get(address) {
  const answer = await ask(address);
  return answer?.status === 200 ? answer.page : null;
}

async function ask(address, options) {
  try {
    const answer = await fetch(address, { headers: OURS, signal: AbortSignal.timeout(PATIENCE), ...options });
    return { status: answer.status, page: parse(await answer.text()) };
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
