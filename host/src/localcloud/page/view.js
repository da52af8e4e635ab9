// The page as a whole: takes a state and shows it. Each part compares with what it shows, so a frame costs only what
// changed.

import { nextApproval } from "./approvals.js";
import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { Dialog, Menu } from "./dialogs.js";
import { el, icon, setText } from "./dom.js";
import { Settings } from "./settings.js";
import { Sheet } from "./sheet.js";
import { agentName, Sidebar, sessionTitle } from "./sidebar.js";
import { runningMessage } from "./state.js";
import { Strip } from "./strip.js";

const byId = (id) => document.getElementById(id);

/** A connection that is back within this time is not worth a banner. */
const BANNER_DELAY_MS = 800;
/** After this long without a bubble the page says that it waits. */
const LONG_WAIT_MS = 1_200;

export class View {
  constructor(actions, ui) {
    this.actions = { ...actions, menu: (id, anchor) => this.openMenu(id, anchor) };
    this.actions.rename = (id) => this.rename(id);
    this.actions.remove = (id) => this.remove(id);
    this.commit = actions;
    this.sidebar = new Sidebar(this.actions, ui);
    this.chat = new Chat({ onEarlier: actions.earlier, redraw: actions.redraw });
    this.composer = new Composer(actions);
    this.menu = new Menu();
    this.dialog = new Dialog();
    this.sheet = new Sheet(actions.decide);
    this.strip = new Strip();
    this.settings = new Settings(actions.calls);
    byId("head-menu").append(icon("dots"));
    byId("head-menu").addEventListener("click", () => this.openMenu(this.state.open, byId("head-menu")));
    byId("skip").addEventListener("click", (event) => {
      // The hash names the open chat, so the skip link must not change it.
      event.preventDefault();
      this.composer.focus();
    });
    document.addEventListener("keydown", (event) => this.onKey(event));
  }

  onKey(event) {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (!this.isDialogOpen) this.actions.newChat();
    }
    const isTopmost = !this.isDialogOpen && !this.menu.node.matches(":popover-open");
    if (event.key === "Escape" && isTopmost && this.sidebar.isDrawerOpen) this.sidebar.drawer(false);
  }

  get isDialogOpen() {
    return this.dialog.node.open || this.settings.node.open;
  }

  /** Shows `state`. */
  update(state, { isStopping }) {
    this.state = state;
    const session = state.sessions.get(state.open);
    const agent = state.installations.get(session?.installation_id);
    this.sidebar.update(state);
    this.drawHead(session, agent);
    this.drawBanner(state.connection);
    this.strip.update(state.host);
    this.chat.update(state.open, state.chats.get(state.open));
    this.chat.say(...this.emptyText(state, session, agent));
    this.drawComposer(state, session, agent, isStopping);
    this.drawSheet(state);
    this.settings.update(state);
  }

  drawSheet(state) {
    const approval = nextApproval(state, Date.now());
    const session = state.sessions.get(approval?.session_id);
    const installation = state.installations.get(approval?.installation_id);
    const who = agentName(installation);
    const where = session && session.session_id !== state.open ? ` in "${sessionTitle(session)}"` : "";
    if (approval && approval.approval_id !== this.sheet.shown) {
      setText(byId("announcer"), `${who} asks for leave: ${approval.title}`);
    }
    this.sheet.update(approval, `${who}${where}`, installation, state.approvals.size - 1);
    clearTimeout(this.sheetTimer);
    if (approval && Number.isFinite(approval.expires_at)) {
      this.sheetTimer = setTimeout(this.actions.redraw, Math.max(0, approval.expires_at - Date.now()) + 1);
    }
  }

  drawHead(session, agent) {
    const title = session ? sessionTitle(session) : "Sophon";
    setText(byId("title"), title);
    byId("title").dir = "auto";
    const pageTitle = session ? `${title} · Sophon` : "Sophon";
    if (document.title !== pageTitle) document.title = pageTitle;
    const status = byId("status");
    status.hidden = !session;
    status.classList.toggle("online", Boolean(agent?.online));
    const where = session?.state === "archived" ? "Archived. " : "";
    setText(status, session ? `${where}${agentName(agent)} is ${agent?.online ? "online" : "offline"}` : "");
    byId("head-menu").hidden = !session;
  }

  drawBanner(connection) {
    if (connection !== "lost") {
      clearTimeout(this.bannerTimer);
      this.bannerTimer = 0;
      byId("banner").hidden = true;
    } else if (!this.bannerTimer) {
      this.bannerTimer = setTimeout(() => {
        setText(byId("banner"), "Connection lost. Trying to reconnect…");
        byId("banner").hidden = false;
      }, BANNER_DELAY_MS);
    }
  }

  /** Heading and lines for a chat without bubbles; [null] if there is something to read or still to come. */
  emptyText(state, session, agent) {
    const chat = state.chats.get(state.open);
    if (!state.ready || chat?.list.length > 0) return [null];
    if (chat?.failed) return ["This chat cannot be shown", [chat.failed]];
    if (state.gone) return ["This chat was deleted", ["Choose another one, or write a message to start a new one."]];
    if (state.installations.size === 0) {
      return ["No agent is connected yet", ["Start one with “sophon-host dev”; it appears here when it is paired."]];
    }
    if (!state.open) return ["Start a chat", ["Write a message below and press Enter."]];
    if (!chat?.loaded) return [null];
    if (session?.state === "archived") return ["This archived chat is empty"];
    return [`A new chat with ${agentName(agent)}`, session ? ["Ask for something, or just say hello."] : []];
  }

  drawComposer(state, session, agent, isStopping) {
    const waiting = state.waiting.get(state.open) ?? null;
    const isRunning = waiting !== null || runningMessage(state, state.open) !== null;
    const name = agentName(agent);
    let said = this.isLongWait(waiting) ? `Waiting for ${name}…` : "";
    if (session && agent && !agent.online) {
      said = `${name} is offline. It still gets a message if it is back within five minutes.`;
    }
    this.composer.update({
      key: state.open ?? "", blocked: blockedReason(state, session), said, isRunning, isStopping,
    });
  }

  /** Most answers begin at once, and a line that flashes up would only move the page. */
  isLongWait(interaction) {
    if (this.wait?.interaction !== interaction) {
      clearTimeout(this.wait?.timer);
      const timer = interaction === null ? 0 : setTimeout(this.actions.redraw, LONG_WAIT_MS);
      this.wait = { interaction, timer, since: performance.now() };
    }
    return interaction !== null && performance.now() - this.wait.since >= LONG_WAIT_MS - 20;
  }

  openMenu(id, anchor) {
    const session = this.state.sessions.get(id);
    if (!session) return;
    const isArchived = session.state === "archived";
    this.menu.open(anchor, [
      { label: "Rename", icon: "edit", run: () => this.rename(id) },
      isArchived
        ? { label: "Unarchive", icon: "archive", run: () => this.commit.unarchive(id) }
        : { label: "Archive", icon: "archive", run: () => this.commit.archive(id) },
      { label: "Delete", icon: "trash", danger: true, run: () => this.remove(id) },
    ]);
  }

  async rename(id) {
    const current = this.state.sessions.get(id)?.title ?? "";
    const title = await this.dialog.askTitle(current);
    if (title !== null && title !== current) this.commit.rename(id, title || null);
  }

  async remove(id) {
    const title = sessionTitle(this.state.sessions.get(id));
    const text = `“${title}” and its messages are deleted. An answer that is being written is stopped.`;
    if (await this.dialog.confirm("Delete this chat?", text, "Delete")) {
      this.commit.remove(id);
      this.composer.focus();
    }
  }

  /** A remark about something that failed outside the message field. */
  complain(text) {
    this.composer.fail(text);
  }

  /** The key of this page is no longer good: nothing else is worth showing. */
  showKeyPanel() {
    const reload = el("button", { type: "button", class: "primary", text: "Try again" });
    reload.addEventListener("click", () => location.reload());
    byId("panel").replaceChildren(el("div", { class: "panel-box" }, [
      el("span", { class: "logo big", "aria-hidden": "true" }), el("h1", { text: "This page’s key is used up" }),
      el("p", { text: "Each address of the chat page works once, in one browser." }),
      el("p", {}, ["Take the newest address that ", el("code", { text: "sophon-host dev" }), " printed."]),
      reload,
    ]));
    byId("panel").hidden = false;
    byId("app").inert = true;
    document.title = "Sophon: key used up";
    reload.focus();
  }
}

function blockedReason(state, session) {
  if (!state.ready) return "";
  if (state.open && !session) return "This chat does not exist any more.";
  if (session?.state === "archived") return "This chat is archived. Unarchive it to write.";
  if (state.installations.size === 0) return "No agent is connected yet.";
  return null;
}
