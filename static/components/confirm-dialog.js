// A question that must be answered before something happens that is not easily undone.

import { h } from "../dom.js";
import { t } from "../i18n.js";

let number = 0;

/** Asks; gives `true` when it was confirmed. The focus goes back to where it was. */
export function confirm({ title, text, more, confirm: yes, bad = false }) {
    return new Promise((resolve) => {
        const id = `question-${number += 1}`;
        const dialog = h("dialog", { "aria-labelledby": id, onclose: () => {
            resolve(dialog.returnValue === "yes");
            dialog.remove();
        } },
        h("form", { method: "dialog" },
            h("h2", { id }, title),
            text && h("p", {}, text),
            more,
            h("div", { class: "actions" },
                h("button", { value: "no" }, t("action.cancel")),
                h("button", { value: "yes", class: bad ? "danger" : "primary" }, yes))));
        document.body.append(dialog);
        dialog.showModal();
    });
}

/** A dialog with any content. Gives the element; `close` ends it. */
export function openDialog(title, ...content) {
    const id = `question-${number += 1}`;
    const dialog = h("dialog", { class: "wide", "aria-labelledby": id, onclose: () => dialog.remove() },
        h("header", {},
            h("h2", { id }, title),
            h("button", { type: "button", class: "quiet", "aria-label": t("action.close"), onclick: () => dialog.close() }, "✕")),
        content);
    document.body.append(dialog);
    dialog.showModal();
    return dialog;
}
