// Work on its way to the server. Jobs that did not arrive are kept as they were sent, and sent again together.
//
// A job has `action` and `fields`; `label`, the button's word; `cards` or `form`, what it is about; `begin(isRepeated)`;
// `accept(answer)`, true if the answer settles it; `fail()`; and `place()`, the element that says it is unsaved.

import { list, main } from "./cards.js";
import { saySentence } from "./confirmations.js";
import { ENDED, OTHER, SAME, adopt, checkLogin, send, sentence } from "./server.js";

const PASSES = [400, 401, 408, 429]; // besides errors of the server: worth another try by itself

const flying = new Set();
const unsaved = new Map(); // job: its notice

export const isUnsent = () => flying.size > 0 || unsaved.size > 0;
export const settled = () => Promise.allSettled(flying);

export function follow(work) {
  flying.add(work);
  main.dataset.sending = flying.size;
  work.finally(() => {
    flying.delete(work);
    main.dataset.sending = flying.size;
  });
  return work;
}

export function submit(job) {
  replace(job);
  job.begin?.(false);
  return follow(run(job));
}

// The moderator acts again on the same card or form: the earlier job is no longer wanted.
function replace(job) {
  for (const other of [...unsaved.keys()]) {
    if (other.form && other.form === job.form) forget(other);
    else if (other.cards && job.cards) without(other, job.cards);
  }
}

function without(job, cards) {
  const left = job.cards.filter((card) => !cards.some((each) => each.dataset.commentId === card.dataset.commentId));
  if (left.length === job.cards.length) return;
  const known = unsaved.get(job);
  forget(job);
  job.cards = left;
  if (left.length) show(job, known);
}

function forget(job) {
  unsaved.get(job)?.box.remove();
  unsaved.delete(job);
}

async function run(job) {
  const answer = await send(job.action, job.fields());
  if (answer && job.accept(answer)) return;
  const login = await loginAfter(answer);
  const again = !answer || PASSES.includes(answer.status) || answer.status >= 500;
  job.fail();
  show(job, { login, again, why: reason(answer, login) });
  saySentence(`${list.dataset.unsaved}: ${job.label}. ${unsaved.get(job).why}`);
}

async function loginAfter(answer) {
  if (answer?.status === 400) return checkLogin();
  return { state: answer?.status === 401 ? ENDED : SAME };
}

function show(job, known) {
  const box = notice(job.label, known);
  unsaved.set(job, { ...known, box });
  job.place().prepend(box);
}

function reason(answer, { state, name }) {
  if (state === ENDED) return list.dataset.ended;
  if (state === OTHER) return list.dataset.other.replace("{other}", name).replace("{me}", main.dataset.name);
  return answer?.status === 404 ? list.dataset.away : sentence(answer);
}

function notice(label, { why, login }) {
  const box = document.createElement("div");
  box.className = "notice error unsaved-note";
  box.setAttribute("role", "alert");
  const mark = document.createElement("b");
  mark.textContent = `${list.dataset.unsaved}: ${label}`;
  const line = document.createElement("span");
  line.textContent = why;
  box.append(mark, line, ...ways(login));
  return box;
}

function ways(login) {
  const again = button(list.dataset.retry, retryAll);
  if (login.state === ENDED) return [logInLink(), again];
  if (login.state !== OTHER) return [again];
  const as = button(list.dataset.as.replace("{other}", login.name), () => {
    adopt(login);
    return retryAll();
  });
  return [as, again];
}

function button(text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", () => follow(Promise.resolve(act())));
  return made;
}

function logInLink() {
  const link = document.createElement("a");
  Object.assign(link, { href: list.dataset.login, target: "_blank", rel: "noopener", textContent: list.dataset.logIn });
  link.className = "button";
  return link;
}

// Send everything that is unsaved, if the log-in is that of the person who decided.
export async function retryAll() {
  const login = await checkLogin();
  const barred = login.state === ENDED || login.state === OTHER;
  if (barred) saySentence(`${list.dataset.unsaved}: ${reason(null, login)}`);
  for (const job of [...unsaved.keys()]) (barred ? bar : repeat)(job, login);
}

function bar(job, login) {
  const known = unsaved.get(job);
  forget(job);
  show(job, { ...known, login, why: reason(null, login) });
}

function repeat(job) {
  forget(job);
  job.begin?.(true);
  follow(run(job));
}

// Back from the log-in in another tab.
async function returned() {
  const jobs = [...unsaved.keys()].filter((job) => unsaved.get(job).again);
  if (document.visibilityState !== "visible" || !jobs.length) return;
  const login = await checkLogin();
  const left = jobs.filter((job) => unsaved.has(job));
  if (login.state === SAME) for (const job of left) repeat(job);
  if (login.state === OTHER) for (const job of left) bar(job, login);
}

document.addEventListener("visibilitychange", returned);
window.addEventListener("focus", returned);
window.addEventListener("online", returned);
