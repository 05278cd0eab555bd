// A button that opens a list of further actions.

import { h } from "../dom.js";
import { icon } from "../icons.js";

let number = 0;

/**
 * A menu. `entries` is asked when it opens: `{ text, icon, run | href, bad }`, or nothing for a line
 * between groups.
 */
export function menuButton(label, entries, picture = "more", shown = null) {
    const id = `menu-${number += 1}`;
    const list = h("div", { class: "menu", id, popover: "auto", role: "menu", "aria-label": label });
    const button = h("button", {
        type: "button", class: shown ? "" : "quiet", "aria-label": label, "aria-haspopup": "menu", popovertarget: id,
    }, icon(picture), shown);
    const close = () => list.hidePopover();
    const make = (entry) => {
        if (!entry) return h("hr");
        const inside = [entry.icon ? icon(entry.icon) : h("span", { class: "icon" }), h("span", {}, entry.text)];
        const properties = { role: "menuitem", tabindex: "-1", class: entry.bad ? "bad" : "" };
        if (entry.href) return h("a", { ...properties, href: entry.href, target: entry.target, onclick: close }, inside);
        return h("button", { ...properties, type: "button", onclick: () => { close(); entry.run(); } }, inside);
    };
    list.addEventListener("beforetoggle", (event) => {
        if (event.newState !== "open") return;
        list.replaceChildren(...entries().map(make));
        // The browser moves the focus there when it opens.
        list.querySelector("[role=menuitem]")?.setAttribute("autofocus", "");
    });
    list.addEventListener("toggle", (event) => {
        button.setAttribute("aria-expanded", event.newState === "open");
        if (event.newState !== "open") return;
        place(list, button);
    });
    list.addEventListener("keydown", (event) => {
        const items = [...list.querySelectorAll("[role=menuitem]")];
        const at = items.indexOf(document.activeElement);
        const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
        if (next === undefined) {
            if (event.key === "Tab") close();
            return;
        }
        event.preventDefault();
        items.at(next % items.length)?.focus();
    });
    return h("span", { class: "menu-button" }, button, list);
}

/** Below the button, or above it where there is no room, and inside the window. */
export function place(list, button) {
    const at = button.getBoundingClientRect();
    const { width, height } = list.getBoundingClientRect();
    const below = at.bottom + 4 + height <= innerHeight;
    list.style.top = `${Math.max(4, below ? at.bottom + 4 : at.top - height - 4)}px`;
    list.style.left = `${Math.max(8, Math.min(at.right - width, innerWidth - width - 8))}px`;
}
