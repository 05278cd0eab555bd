// A question that is answered by filling in a form.

import { h, setAttribute, show } from "../dom.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";

let number = 0;

/**
 * Asks; `send` is given nothing and does what was asked for. While it fails the dialog stays, with the
 * reason. Gives what `send` gave, or `null` when it was cancelled.
 */
export function ask({ title, text, more, confirm, bad = false, send }) {
    return new Promise((resolve) => {
        const id = `asked-${number += 1}`;
        let answer = null;
        const reason = h("span");
        const refusal = h("p", { class: "bad", role: "alert", hidden: true }, icon("failed"), reason);
        const yes = h("button", { class: bad ? "danger" : "primary" }, confirm);
        const form = h("form", { onsubmit: async (event) => {
            event.preventDefault();
            setAttribute(yes, "disabled", true);
            show(refusal, false);
            try {
                answer = await send() ?? true;
                dialog.close();
            } catch (error) {
                reason.textContent = error.isSilence ? t("connection.silent") : error.message;
                show(refusal, true);
            }
            setAttribute(yes, "disabled", null);
        } },
        h("h2", { id }, title), text && h("p", {}, text), more, refusal,
        h("div", { class: "actions" }, h("button", { type: "button", onclick: () => dialog.close() }, t("action.cancel")), yes));
        const dialog = h("dialog", { "aria-labelledby": id, onclose: () => {
            resolve(answer);
            dialog.remove();
        } }, form);
        document.body.append(dialog);
        dialog.showModal();
    });
}

/** A named control of a form, with what there is to say about it. */
export function field(label, control, text = "") {
    control.id ||= `field-${number += 1}`;
    const description = text && h("p", { class: "description", id: `${control.id}-text` }, text);
    if (description) setAttribute(control, "aria-describedby", description.id);
    return h("div", { class: "field" }, h("label", { for: control.id }, label), h("div", { class: "control" }, control), description);
}
