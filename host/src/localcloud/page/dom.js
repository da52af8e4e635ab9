// Small DOM verbs. Elements are made by name, and text only ever goes through textContent.

const SVG = "http://www.w3.org/2000/svg";

/** Outlines on a 20 x 20 grid, drawn with the colour of the text around them. */
const PATHS = {
  plus: "M10 4v12M4 10h12",
  menu: "M3.5 6h13M3.5 10h13M3.5 14h13",
  sliders: "M3.5 6.5h7M14.5 6.5h2M3.5 13.5h2M9.5 13.5h7M12.5 4.5v4M7.5 11.5v4",
  dots: "M5 10h.01M10 10h.01M15 10h.01",
  send: "M10 16V4.5M5 9.5l5-5 5 5",
  down: "M10 4v11.5M5 10.5l5 5 5-5",
  check: "M4.5 10.5l3.6 3.6 7.4-8",
  cross: "M5.5 5.5l9 9M14.5 5.5l-9 9",
  minus: "M5 10h10",
  chevron: "M7.5 5l5 5-5 5",
  warning: "M10 3.2l7.3 13H2.7zM10 8.2v3.6M10 14h.01",
  copy: "M7.5 7.5v-4h9v9h-4M3.5 7.5h9v9h-9z",
  archive: "M3 4h14v3.5H3zM4.2 7.5V16h11.6V7.5M8 10.5h4",
  edit: "M4 16l.8-3.6L13.4 3.8l2.8 2.8-8.6 8.6z",
  trash: "M4 5.5h12M8 5.5v-2h4v2M5.5 5.5l.7 11h7.6l.7-11",
};

/** An element with attributes and children; `text` is the text content. Children may be nodes or strings. */
export function el(tag, attributes = {}, children = []) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** A decorative icon; the control around it carries the name. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** Sets text only if it differs, so that live regions and selections stay calm. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Brings the children of `parent` into the order of `nodes`. What stays in order is not moved, so it keeps focus. */
export function placeChildren(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.childNodes]) if (!wanted.has(child)) child.remove();
  let at = parent.firstChild;
  for (const node of nodes) {
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
}

/** Moves the focus from `current` among `items` for arrow, Home and End keys; true if the key was one of them. */
export function roveFocus(event, items, current = document.activeElement) {
  const at = items.indexOf(current);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (to === undefined || items.length === 0) return false;
  event.preventDefault();
  items[(to + items.length) % items.length].focus();
  return true;
}
