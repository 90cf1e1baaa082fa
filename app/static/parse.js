// Answers of this server as documents. The only HTML sink of our pages; their Trusted Types policy allows no other.
const policy = window.trustedTypes?.createPolicy("kaiwa", { createHTML: (html) => html });

export function parse(html) {
  return new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
}
