// The options menu of a chat and the two dialogs. Native popover and dialog bring Escape, the top layer and the
// focus trap with them; this file fills them and puts the menu beside its button.

import { el, icon, roveFocus } from "./dom.js";

const MENU_GAP_PX = 6;

export class Menu {
  constructor() {
    this.node = document.getElementById("session-menu");
    this.node.addEventListener("keydown", (event) => {
      roveFocus(event, [...this.node.querySelectorAll("button")]);
      if (event.key === "Tab") this.node.hidePopover();
    });
    addEventListener("resize", () => this.node.hidePopover());
  }

  /** Opens beside `anchor` with entries {label, icon, run, danger}. */
  open(anchor, entries) {
    this.node.replaceChildren(...entries.map((entry) => this.entry(entry, anchor)));
    this.node.showPopover();
    const [at, box] = [anchor.getBoundingClientRect(), this.node.getBoundingClientRect()];
    const below = at.bottom + MENU_GAP_PX;
    const top = below + box.height > innerHeight ? at.top - box.height - MENU_GAP_PX : below;
    const left = Math.min(Math.max(MENU_GAP_PX, at.right - box.width), innerWidth - box.width - MENU_GAP_PX);
    this.node.style.top = `${Math.max(MENU_GAP_PX, top)}px`;
    this.node.style.left = `${left}px`;
    this.node.querySelector("button").focus();
  }

  entry({ label, icon: name, run, danger }, anchor) {
    const attributes = { type: "button", role: "menuitem", class: danger ? "danger" : "" };
    const button = el("button", attributes, [icon(name), label]);
    button.addEventListener("click", () => {
      this.node.hidePopover();
      anchor.focus();
      run();
    });
    return button;
  }
}

export class Dialog {
  constructor() {
    this.node = document.getElementById("dialog");
    // A click on the dialog element itself is a click on its backdrop.
    this.node.addEventListener("pointerdown", (event) => event.target === this.node && this.node.close());
    this.node.addEventListener("close", () => this.done?.(null));
  }

  /** Asks for a title; resolves with the text, or null if it was left. */
  async askTitle(current) {
    const input = el("input", { type: "text", maxlength: "200", "aria-label": "Name of the chat", dir: "auto" });
    input.value = current;
    const answer = this.show("Rename chat", [input], "Rename", "primary", () => input.value.trim());
    input.select();
    return answer;
  }

  /** Asks before something is lost; resolves with true or null. */
  confirm(title, text, action) {
    return this.show(title, [el("p", { text })], action, "danger", () => true);
  }

  show(title, content, action, tone, read) {
    // The dialog may be opened by a shortcut while it is open: the earlier question counts as left.
    this.done?.(null);
    const form = el("form", { method: "dialog" }, [el("h2", { id: "dialog-title", text: title }), ...content]);
    const cancel = el("button", { type: "button", class: "plain", text: "Cancel" });
    const submit = el("button", { type: "submit", class: tone, text: action });
    form.append(el("div", { class: "dialog-row" }, [cancel, submit]));
    this.node.replaceChildren(form);
    return new Promise((resolve) => {
      this.done = (value) => {
        this.done = null;
        resolve(value);
      };
      cancel.addEventListener("click", () => this.node.close());
      form.addEventListener("submit", () => this.done?.(read()));
      if (!this.node.open) this.node.showModal();
    });
  }
}
