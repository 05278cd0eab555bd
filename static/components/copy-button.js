// Copies a text.

import { h } from "../dom.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { tell } from "../messages.js";

/** A small button that copies what `text` gives. */
export function copyButton(text, label = t("action.copy")) {
    return h("button", {
        type: "button", class: "quiet small", "aria-label": label, title: label,
        onclick: async () => {
            try {
                await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
                tell(t("copied"), { kind: "good" });
            } catch {
                tell(t("copied.not"), { kind: "bad" });
            }
        },
    }, icon("copy"));
}
