// The list of chats: items kept by id, arrow keys, the archive behind a toggle, the drawer on narrow screens and the
// list of agents with their online dots.

import { el, icon, placeChildren, roveFocus, setText } from "./dom.js";
import { listTime } from "./format.js";
import { preferredAgent, sessionsOf } from "./state.js";
import { cleanLabel, plainSnippet } from "./text.js";

const byId = (id) => document.getElementById(id);
const narrow = matchMedia("(max-width: 760px)");

/** The name of an installation: the user's own first. */
export function agentName(installation) {
  return cleanLabel(installation?.custom_display_name || installation?.display_name || installation?.connector_type, 60)
    || "Agent";
}

/** The title of a session; an untitled one is a new chat. */
export const sessionTitle = (session) => cleanLabel(session?.title, 120) || "New chat";

export class Sidebar {
  constructor(actions, ui) {
    Object.assign(this, { actions, ui, items: new Map(), list: byId("session-list"), archive: byId("archived-list") });
    Object.assign(this, { toggle: byId("archived-toggle"), select: byId("agent-select") });
    byId("new-session").append(icon("plus"), el("span", { text: "New chat" }));
    byId("new-session").addEventListener("click", () => actions.newChat());
    byId("drawer-open").append(icon("menu"));
    byId("drawer-close").append(icon("cross"));
    byId("drawer-open").addEventListener("click", () => this.drawer(true));
    byId("drawer-close").addEventListener("click", () => this.drawer(false));
    byId("backdrop").addEventListener("click", () => this.drawer(false));
    this.toggle.addEventListener("click", () => this.showArchive(!ui.archiveOpen));
    this.select.addEventListener("change", () => this.pickAgent());
    byId("sessions").addEventListener("keydown", (event) => this.onKey(event));
    narrow.addEventListener("change", () => this.drawer(false, false));
    this.drawer(false, false);
  }

  update(state) {
    // A streamed word changes none of these, and the list may be thousands long.
    const inputs = [state.sessions, state.installations, state.unread, state.open, state.ready, this.ui.archiveOpen];
    if (inputs.every((input, at) => input === this.inputs?.[at])) return;
    this.inputs = inputs;
    this.drawItems(state, this.list, sessionsOf(state, "active"));
    this.drawArchive(state);
    byId("session-none").hidden = !state.ready || this.list.childElementCount > 0;
    this.rove(state.open);
    this.drawAgents([...state.installations.values()]);
  }

  drawArchive(state) {
    const archived = sessionsOf(state, "archived");
    const isOpen = this.ui.archiveOpen;
    this.toggle.hidden = archived.length === 0;
    this.toggle.setAttribute("aria-expanded", String(isOpen));
    const label = `Archived (${archived.length})`;
    if (this.toggle.textContent !== label) this.toggle.replaceChildren(icon("chevron"), el("span", { text: label }));
    this.archive.hidden = !isOpen;
    this.drawItems(state, this.archive, isOpen ? archived : []);
  }

  showArchive(isOpen) {
    this.ui.set("archiveOpen", isOpen);
    this.actions.redraw();
  }

  drawItems(state, list, sessions) {
    for (const id of this.items.keys()) if (!state.sessions.has(id)) this.items.delete(id);
    placeChildren(list, sessions.map((session) => this.drawItem(state, session)));
  }

  drawItem(state, session) {
    const id = session.session_id;
    if (!this.items.has(id)) this.items.set(id, this.makeItem(id));
    const item = this.items.get(id);
    const agent = state.installations.get(session.installation_id);
    const isOpen = state.open === id;
    const key = [session.title, session.snippet, session.last_activity_at, session.state, isOpen, agent?.online,
      agentName(agent), agent?.custom_emoji, state.unread.has(id)].join("\u0000");
    if (item.key === key) return item.node;
    item.key = key;
    Object.assign(item.node.dataset, { state: session.state ?? "active", open: String(isOpen) });
    item.node.classList.toggle("unread", state.unread.has(id));
    if (isOpen) item.open.setAttribute("aria-current", "page");
    else item.open.removeAttribute("aria-current");
    setText(item.title, sessionTitle(session));
    setText(item.snippet, plainSnippet(session.snippet) || agentName(agent));
    setText(item.time, listTime(session.last_activity_at));
    drawFace(item.face, agent);
    setText(item.heard, `${state.unread.has(id) ? ", new answer" : ""}, agent ${agent?.online ? "online" : "offline"}`);
    item.more.setAttribute("aria-label", `Options for ${sessionTitle(session)}`);
    return item.node;
  }

  makeItem(id) {
    const face = makeFace();
    const [title, snippet] = ["s-title", "s-snippet"].map((name) => el("span", { class: name, dir: "auto" }));
    const [time, heard] = ["s-time", "sr-only"].map((name) => el("span", { class: name }));
    const open = el("button", { class: "s-open", type: "button" }, [face, title, time, snippet, heard]);
    const more = el("button", { class: "round s-more", type: "button", "aria-haspopup": "menu" }, [icon("dots")]);
    const node = el("li", { class: "session", "data-testid": "session-item", "data-session-id": id }, [open, more]);
    open.addEventListener("click", () => {
      this.actions.open(id);
      if (narrow.matches) this.drawer(false);
    });
    more.addEventListener("click", () => this.actions.menu(id, more));
    return { node, open, more, face, title, snippet, time, heard, key: null };
  }

  /** One item is in the tab order (the open one, else the first); the arrow keys reach the others. */
  rove(openId) {
    const items = [...this.items.values()].filter((item) => item.node.isConnected);
    const focused = items.find((item) => item.node.contains(document.activeElement));
    const stop = focused ?? items.find((item) => item.node.dataset.sessionId === openId) ?? items[0];
    for (const item of items) item.open.tabIndex = item.more.tabIndex = item === stop ? 0 : -1;
  }

  onKey(event) {
    const node = event.target.closest(".session");
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
    const opens = [...byId("sessions").querySelectorAll(".s-open")];
    if (roveFocus(event, opens, node.querySelector(".s-open"))) return this.rove(null);
    if (event.key === "F2") this.actions.rename(node.dataset.sessionId);
    else if (event.key === "Delete") this.actions.remove(node.dataset.sessionId);
  }

  /** Opens or closes the drawer. While it covers the page, the page behind it is inert. */
  drawer(isOpen, moveFocus = true) {
    const isDrawer = narrow.matches;
    byId("app").classList.toggle("drawer", isDrawer && isOpen);
    byId("main").inert = isDrawer && isOpen;
    byId("sidebar").inert = isDrawer && !isOpen;
    byId("drawer-open").setAttribute("aria-expanded", String(isDrawer && isOpen));
    this.isDrawerOpen = isDrawer && isOpen;
    if (isDrawer && moveFocus) byId(isOpen ? "new-session" : "drawer-open").focus();
  }

  drawAgents(installations) {
    const key = JSON.stringify(installations);
    if (this.agentsKey === key) return;
    this.agentsKey = key;
    byId("agents").replaceChildren(...installations.map(agentRow));
    byId("agent-choice").hidden = installations.length < 2;
    const options = installations.map((one) => el("option", { value: one.installation_id, text: agentName(one) }));
    this.select.replaceChildren(...options);
    // What was picked on this page stays, online or not: it must not change under the user's hands.
    const picked = installations.find((one) => one.installation_id === this.picked);
    const wanted = picked ?? preferredAgent(installations, this.ui.agent);
    if (wanted) this.select.value = wanted.installation_id;
  }

  pickAgent() {
    this.picked = this.select.value;
    this.ui.set("agent", this.picked);
  }

  /** The installation for a new chat; null leaves the choice to the host. */
  get chosenAgent() {
    return byId("agent-choice").hidden ? null : this.select.value;
  }
}

function makeFace() {
  return el("span", { class: "face", "aria-hidden": "true" }, [el("span"), el("span", { class: "dot" })]);
}

function drawFace(face, agent) {
  setText(face.firstChild, cleanLabel(agent?.custom_emoji, 8) || [...agentName(agent)][0].toUpperCase());
  face.classList.toggle("online", Boolean(agent?.online));
}

function agentRow(agent) {
  const face = makeFace();
  drawFace(face, agent);
  const where = cleanLabel(agent.host_label, 60);
  const status = agent.online ? "online" : "offline";
  return el("div", { class: "agent" }, [face, el("span", { class: "agent-name", dir: "auto", text: agentName(agent) }),
    el("span", { class: "agent-where", text: where ? `${status}, ${where}` : status })]);
}
