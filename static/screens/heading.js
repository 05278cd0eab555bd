// The top of a screen: its title, and what can be done.

import { h } from "../dom.js";

/** A title that takes the focus when the screen is entered, with actions beside it. */
export function heading(title, ...actions) {
    return h("header", { class: "heading" }, h("h1", { tabindex: "-1" }, title), actions.length > 0 && h("div", { class: "actions" }, actions));
}
