// The settings: what agents may do without asking, and taking it back. A native dialog brings Escape and the focus trap.

import { agentFacts } from "./agents.js";
import { el, icon, placeChildren, setText } from "./dom.js";
import { fullTime, isoTime, listTime } from "./format.js";
import { cloudRows, hostRows } from "./grants.js";
import { agentName } from "./sidebar.js";

/** While the settings are open the host's list is read this often: other programs change it, too. */
const REFRESH_MS = 5_000;

const ELSEWHERE = "This page does not know what is kept by a host that runs elsewhere: “sophon-host grants list” lists it "
  + "there, and “/grants” in a chat.";
const NOTHING = "Nothing. Agents ask each time, unless a rule of sophon-host.toml says otherwise.";

export class Settings {
  /** `calls`: hostGrants() resolves with {grants, more}; revokeHost(id) and revokeCloud(installation, id). */
  constructor(calls) {
    Object.assign(this, { calls, node: document.getElementById("settings"), rows: new Map(), gone: new Set() });
    Object.assign(this, { host: undefined, more: 0, state: null, timer: 0 });
    const button = document.getElementById("settings-open");
    button.append(icon("sliders"), el("span", { text: "Settings" }));
    button.addEventListener("click", () => this.open());
    this.build();
    // A click on the dialog element itself is a click on its backdrop.
    this.node.addEventListener("pointerdown", (event) => event.target === this.node && this.node.close());
    this.node.addEventListener("close", () => clearTimeout(this.timer));
  }

  build() {
    const close = el("button", { type: "button", class: "round", "aria-label": "Close the settings" }, [icon("cross")]);
    close.addEventListener("click", () => this.node.close());
    this.close = close;
    this.problem = el("p", { class: "settings-problem", role: "alert", "data-testid": "settings-problem", hidden: "" });
    this.agents = part("host-agents", "Agents on this host");
    this.parts = {
      host: part("grants-host", "On this host"),
      cloud: part("grants-cloud", "In this cloud", "The cloud gives these answers in your place. A sophon-host looks at its "
        + "own list besides, and never goes beyond it."),
    };
    this.node.replaceChildren(el("div", { class: "settings-box" }, [
      el("div", { class: "settings-head" }, [el("h2", { id: "settings-title", text: "Settings" }), close]),
      this.agents.node, el("h3", { text: "What agents may do without asking" }), this.problem,
      ...Object.values(this.parts).map((one) => one.node),
    ]));
  }

  open() {
    this.host = undefined;
    this.fail(null);
    if (!this.node.open) this.node.showModal();
    this.draw();
    this.refresh();
  }

  /** Shows what `state` says, if the settings are open. */
  update(state) {
    this.state = state;
    if (this.node.open) this.draw();
  }

  async refresh() {
    clearTimeout(this.timer);
    try {
      const { grants, more } = await this.calls.hostGrants();
      Object.assign(this, { host: Array.isArray(grants) ? grants : null, more: more ?? 0 });
    } catch (error) {
      this.fail(`The host’s list could not be read: ${error.hint ?? error}`);
    }
    if (!this.node.open) return;
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), REFRESH_MS);
  }

  draw() {
    const { sessions, installations } = this.state ?? { sessions: new Map(), installations: new Map() };
    const host = hostRows(this.host ?? [], sessions, Date.now());
    const cloud = cloudRows([...installations.values()], sessions, agentName);
    const lines = { undefined: "Reading…", null: ELSEWHERE }[this.host] ?? NOTHING;
    this.drawAgents(this.state?.host ?? null);
    this.drawPart(this.parts.host, host, lines, this.more);
    this.drawPart(this.parts.cloud, cloud, "Nothing.", 0);
    const known = new Set([...host, ...cloud].map((row) => row.key));
    for (const key of this.rows.keys()) if (!known.has(key)) this.rows.delete(key);
  }

  /** Which version of which agent answers. Elsewhere than on this host nothing is known of it. */
  drawAgents(host) {
    this.agents.node.hidden = !host;
    if (!host || this.shownHost === host) return;
    this.shownHost = host;
    this.agents.list.replaceChildren(...host.agents.map(agentRow));
    setText(this.agents.none, host.agents.length > 0 ? "" : "None.");
    this.agents.none.hidden = host.agents.length > 0;
  }

  drawPart({ list, none }, rows, words, more) {
    const shown = rows.filter((row) => !this.gone.has(row.key));
    placeChildren(list, shown.map((row) => this.drawRow(row)));
    none.hidden = shown.length > 0 && more === 0;
    setText(none, more > 0 ? `… and ${more} older ones; “sophon-host grants list” has all.` : words);
  }

  drawRow(row) {
    if (!this.rows.has(row.key)) this.rows.set(row.key, this.makeRow(row));
    const { node, facts } = this.rows.get(row.key);
    setText(facts, `${row.scope}; ${row.ends}`);
    return node;
  }

  makeRow(row) {
    const facts = el("p", { class: "grant-facts", dir: "auto" });
    const since = row.since ? el("time", { datetime: isoTime(row.since), title: fullTime(row.since),
      text: `since ${listTime(row.since)}` }) : null;
    const deed = el("div", { class: "grant-deed" });
    const node = el("li", { class: "grant", "data-testid": "grant" }, [el("div", { class: "grant-text" }, [
      el("p", { class: "grant-who", dir: "auto" }, [el("strong", { text: row.who }), since]),
      el("p", { class: "grant-covers", dir: "auto", text: row.covers }), facts,
    ]), deed]);
    this.offer(row, deed);
    return { node, facts };
  }

  /** The way to take it back: one button, and one more to be sure. */
  offer(row, deed, moveFocus = false) {
    const name = `${row.who}: ${row.covers}`;
    const revoke = button("Revoke", "plain danger", "grant-revoke", `Revoke ${name}`);
    revoke.addEventListener("click", () => {
      const sure = button("Really revoke", "plain danger", "grant-sure", `Really revoke ${name}; it cannot be undone`);
      const keep = button("Keep", "plain", "grant-keep", `Keep ${name}`);
      sure.addEventListener("click", () => this.revoke(row, deed, [sure, keep]));
      keep.addEventListener("click", () => this.offer(row, deed, true));
      deed.replaceChildren(keep, sure);
      sure.focus();
    });
    deed.replaceChildren(revoke);
    if (moveFocus) revoke.focus();
  }

  async revoke(row, deed, buttons) {
    buttons.forEach((one) => (one.disabled = true));
    try {
      if (row.installation_id) await this.calls.revokeCloud(row.installation_id, row.id);
      else await this.calls.revokeHost(row.id);
    } catch (error) {
      // What is gone already need not be taken back.
      if (error.status !== 404) {
        this.fail(`Not revoked: ${error.hint ?? error}`);
        this.offer(row, deed, true);
        return;
      }
    }
    this.fail(null);
    this.gone.add(row.key);
    const next = deed.closest("li")?.nextElementSibling?.querySelector("button") ?? this.close;
    this.draw();
    next.focus();
    this.refresh();
  }

  fail(words) {
    this.problem.hidden = words === null;
    setText(this.problem, words ?? "");
  }
}

function agentRow(agent) {
  const since = el("time", { datetime: isoTime(agent.since), title: fullTime(agent.since),
    text: `since ${listTime(agent.since)}` });
  return el("li", { class: "grant", "data-testid": "host-agent" }, [el("div", { class: "grant-text" }, [
    el("p", { class: "grant-who", dir: "auto" }, [el("strong", { text: `${agent.name} ${agent.version}` }), since]),
    el("p", { class: "grant-facts", dir: "auto", text: `${agent.id}; ${agentFacts(agent)}`.replace(/; $/, "") }),
  ])]);
}

function part(id, title, hint = null) {
  const list = el("ul", { class: "grants", "data-testid": id, "aria-label": title });
  const none = el("p", { class: "grants-none" });
  const about = hint ? el("p", { class: "grants-hint", text: hint }) : null;
  return { list, none, node: el("section", {}, [el("h4", { text: title }), about, list, none]) };
}

function button(text, look, testid, label) {
  return el("button", { type: "button", class: look, text, "data-testid": testid, "aria-label": label });
}
