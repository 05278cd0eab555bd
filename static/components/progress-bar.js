// How far something is, as a bar and in words.

import { h, setAttribute, setText } from "../dom.js";
import { bytes, percent, span } from "../format.js";
import { t } from "../i18n.js";

/** `12.3 MiB of 40 MiB, 5 MiB/s, 8 s left`. */
export function progressText(progress) {
    const parts = [progress.total
        ? t("progress.of", { done: bytes(progress.completed), total: bytes(progress.total) })
        : bytes(progress.completed)];
    if (progress.bytesPerSecond > 0) parts.push(t("progress.speed", { speed: bytes(progress.bytesPerSecond) }));
    if (progress.secondsLeft !== null && progress.secondsLeft !== undefined) {
        parts.push(t("progress.left", { span: span(progress.secondsLeft) }));
    }
    return parts.join(t("list.comma"));
}

/** A bar; `show` takes a fraction or `null` when it cannot be told, and what it says. */
export function progressBar(label) {
    const inner = h("div", { class: "inner" });
    const bar = h("div", { class: "bar", role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 }, inner);
    const text = h("div", { class: "says", "aria-hidden": "true" });
    const element = h("div", { class: "progress" }, bar, text);
    element.show = (fraction, words) => {
        const known = fraction !== null && fraction !== undefined;
        bar.classList.toggle("unknown", !known);
        setAttribute(bar, "aria-valuenow", known ? Math.round(fraction * 100) : null);
        setAttribute(bar, "aria-valuetext", known ? `${percent(Math.round(fraction * 100))}${words ? ` – ${words}` : ""}` : words || t("working"));
        inner.style.width = known ? `${(fraction * 100).toFixed(1)}%` : "";
        setText(text, words);
    };
    return element;
}
