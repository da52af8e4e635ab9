// Untrusted text to safe DOM. Agent text is Markdown without HTML, then DOMPurify with a short list of tags; all
// other text goes through textContent. This is the only file that turns text into markup.

import { el, icon } from "./dom.js";
import { cleanLabel, revealBidi, revealOverrides } from "./text.js";

/** Longer texts are shown as plain text: parsing them would stop the page for longer than anyone waits. */
const MARKDOWN_LIMIT = 200_000;

const TAGS = ["a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
  "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"];

const PURIFY = {
  ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ["href", "class", "start", "align"],
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  // Else their values are held against the pattern above, and "3" and "right" are no addresses.
  ADD_URI_SAFE_ATTR: ["start", "align"],
  ALLOW_DATA_ATTR: false, ALLOW_ARIA_ATTR: false, ALLOW_UNKNOWN_PROTOCOLS: false, KEEP_CONTENT: true,
  RETURN_DOM_FRAGMENT: true,
};

const markdown = globalThis.markdownit({ html: false, linkify: true, typographer: false, breaks: true });

// A remote image would tell its server that the text was read, so an image is a link with its description.
markdown.renderer.rules.image = (tokens, index, options, env, self) => {
  const token = tokens[index];
  const label = markdown.utils.escapeHtml(self.renderInlineAsText(token.children, options, env));
  const isInLink = tokens.slice(0, index).reduce((n, t) => n + (t.type === "link_open") - (t.type === "link_close"), 0);
  const name = label.trim() ? `Image: ${label}` : "Image";
  return isInLink ? name : `<a href="${markdown.utils.escapeHtml(token.attrGet("src") ?? "")}">${name}</a>`;
};

// The CSP forbids style attributes, so the alignment of table cells becomes an `align` attribute.
for (const rule of ["th_open", "td_open"]) {
  markdown.renderer.rules[rule] = (tokens, index, options, env, self) => {
    const side = /text-align:(left|center|right)/.exec(tokens[index].attrGet("style") ?? "");
    tokens[index].attrs = side ? [["align", side[1]]] : null;
    return self.renderToken(tokens, index, options);
  };
}

globalThis.DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "CODE" || !/^language-[\w+#.-]{1,32}$/.test(node.className)) node.removeAttribute("class");
  if (node.tagName !== "A") return;
  const href = node.getAttribute("href");
  if (!href) return;
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer nofollow");
  // The label may say anything; the title says where the link really goes.
  node.setAttribute("title", cleanLabel(href, 300));
});

/** Safe nodes for one piece of agent text. */
export function renderMarkdown(text) {
  if (text.length > MARKDOWN_LIMIT) {
    const fragment = document.createDocumentFragment();
    fragment.append(el("pre", { class: "raw", text: revealBidi(text), tabindex: "0" }));
    return fragment;
  }
  const fragment = globalThis.DOMPurify.sanitize(markdown.render(revealOverrides(text)), PURIFY);
  for (const block of fragment.querySelectorAll("p,li,h1,h2,h3,h4,h5,h6,td,th,blockquote")) block.dir = "auto";
  for (const code of fragment.querySelectorAll("code")) code.textContent = revealBidi(code.textContent);
  for (const pre of fragment.querySelectorAll("pre")) frameCode(pre);
  for (const table of fragment.querySelectorAll("table")) frameTable(table);
  return fragment;
}

/** One line or paragraph of plain text in which only `code` in backticks is set apart. */
export function codeSpans(text) {
  return revealOverrides(text).split(/`([^`\n]+)`/).map((part, at) => (at % 2 ? el("code", { text: part }) : part));
}

/** A code block gets its language, a copy button and, because it scrolls, a place in the tab order. */
function frameCode(pre) {
  const language = pre.querySelector("code")?.className.replace("language-", "") || "code";
  const frame = el("div", { class: "code" });
  const copy = el("button", { class: "quiet copy", type: "button", "aria-label": "Copy code" }, [icon("copy"), "Copy"]);
  pre.replaceWith(frame);
  pre.tabIndex = 0;
  pre.setAttribute("role", "region");
  pre.setAttribute("aria-label", `Code, ${language}`);
  frame.append(el("div", { class: "code-head" }, [el("span", { text: language }), copy]), pre);
}

function frameTable(table) {
  const frame = el("div", { class: "table", tabindex: "0", role: "region", "aria-label": "Table" });
  table.replaceWith(frame);
  frame.append(table);
}

/**
 * Puts `fragment` in place of what `host` shows, keeping the blocks at the front that are equal already: a selection
 * in them survives, and the browser lays out only the end of a growing answer.
 */
export function morph(host, fragment) {
  const next = [...fragment.childNodes];
  let same = 0;
  while (same < next.length && host.childNodes[same]?.isEqualNode(next[same])) same += 1;
  while (host.childNodes.length > same) host.lastChild.remove();
  host.append(...next.slice(same));
}
