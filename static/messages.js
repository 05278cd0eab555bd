// Messages that come and go in a corner of the page: what was done, what failed, what happened.

import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";

const STAY = 7000;
const MOST = 4;
const ICONS = { good: "check", bad: "warning", info: "info" };

let corner = null;

/** The place where messages are shown; the shell puts it into the page. */
export function messagesCorner() {
    // Both exist before anything is told: a screen reader listens to what is there already.
    corner ??= h("div", { class: "messages", role: "log", "aria-live": "polite", "aria-label": t("messages.label") });
    return corner;
}

/**
 * Tells something. What went wrong stays until it is closed; everything else goes by itself, unless
 * the pointer or the focus is on it. A message with the same `key` takes the place of the one before.
 */
export function tell(text, { kind = "info", action = null, key = text } = {}) {
    const place = messagesCorner();
    for (const old of [...place.children]) if (old.dataset.key === key) old.remove();
    const message = h("div", { class: `message ${kind}`, data: { key } },
        icon(ICONS[kind]),
        h("div", { class: "text" }, text),
        action && (action.href
            ? h("a", { class: "button small", href: action.href, onclick: () => message.remove() }, action.text)
            : h("button", { type: "button", class: "small", onclick: () => { message.remove(); action.run(); } }, action.text)),
        h("button", { type: "button", class: "quiet small", "aria-label": t("action.close"), onclick: () => message.remove() }, icon("cross")),
    );
    place.append(message);
    while (place.children.length > MOST) place.firstElementChild.remove();
    if (kind !== "bad") leaveSoon(message);
}

function leaveSoon(message) {
    setTimeout(() => {
        if (message.matches(":hover, :focus-within")) leaveSoon(message);
        else message.remove();
    }, STAY);
}

/** An empty, loading or failed place: what is the matter, and one thing to do. */
export function placeholder(kind, title, text = "", ...actions) {
    const pictures = { empty: "absent", loading: "busy", error: "warning" };
    return h("div", { class: `placeholder ${kind}`, role: kind === "error" ? "alert" : "status" },
        icon(pictures[kind]), h("p", { class: "title" }, title), text && h("p", {}, text),
        actions.length > 0 && h("div", { class: "actions" }, actions));
}

/** A place that could not be loaded, with a way to try again. */
export function failed(error, again) {
    if (error.status === 401) {
        return placeholder("empty", t("account.signin.text"), "", h("a", { class: "button primary", href: "#/publishing" }, icon("lock"), t("account.signin")));
    }
    return placeholder("error", error.isSilence ? t("connection.silent") : t("error.load"),
        error.isSilence ? t("connection.again") : error.message,
        h("button", { type: "button", onclick: again }, icon("restart"), t("action.again")));
}

/** Shows in `place` what `load` brings, or that it loads, or why it does not. */
export async function loadInto(place, load, draw) {
    if (!place.hasChildNodes()) fill(place, placeholder("loading", t("loading")));
    try {
        const value = await load();
        if (place.isConnected) fill(place, draw(value));
    } catch (error) {
        if (place.isConnected) fill(place, failed(error, () => loadInto(place, load, draw)));
    }
}
