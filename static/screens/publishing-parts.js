// What several screens of publishing show: a version's state, its history, what can be done with it,
// what is wrong with a package.

import { tellError } from "../actions.js";
import { ask, field } from "../components/ask-dialog.js";
import { menuButton } from "../components/menu-button.js";
import { fill, h, keyed } from "../dom.js";
import { bytes, moment } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { loadInto, tell } from "../messages.js";
import { link } from "../router.js";
import * as service from "./publishing-service.js";

const LOOKS = {
    draft: ["absent", "faint"],
    submitted: ["clock", "info"],
    "in-review": ["eye", "info"],
    passed: ["check", "good"],
    rejected: ["failed", "bad"],
    active: ["running", "good"],
    suspended: ["stopped", "warn"],
    deleted: ["trash", "faint"],
};

/** The state of a version or an app. */
export function releaseBadge(state) {
    const [picture, colour] = LOOKS[state] ?? LOOKS.draft;
    return h("span", { class: `badge ${colour}`, data: { state } }, icon(picture), h("span", {}, t(`release.state.${state}`)));
}

const PICTURES = { submit: "upload", cancel: "undo", release: "catalog", suspend: "stop", recover: "start", delete: "trash" };
/** What one mostly wants; the rest is in the menu. */
const FIRST = ["submit", "cancel", "release", "suspend", "recover"];
/** What is done where one sees what a version would do. */
const REVIEWS = ["review", "pass", "reject"];
const PRIMARY = ["submit", "release"];
/** `mysql5.7 1.2.0`: a version outside of its app's screen. */
export const fullName = (version) => `${version.app_name} ${version.name}`;

/** These are asked about, the first one with a reason. */
const ASKED = { suspend: true, cancel: false, delete: false };

/** Takes an action on a version, after a question where it is not easily undone. Gives whether it was done. */
export async function take(version, action) {
    const name = fullName(version);
    const done = () => tell(t(`release.done.${action}`, { name }), { kind: "good", key: `release ${version.version_id}` });
    if (!(action in ASKED)) {
        try {
            await service.act(version.version_id, action);
        } catch (error) {
            tellError(error);
            return false;
        }
        done();
        return true;
    }
    const message = ASKED[action] && h("textarea", { rows: 3, maxlength: 4000 });
    const answer = await ask({
        title: t(`release.ask.${action}`, { name }),
        text: t(`release.ask.${action}.text`),
        more: message && field(t("release.reason.optional"), message),
        confirm: t(`release.action.${action}`),
        bad: action !== "cancel",
        send: () => service.act(version.version_id, action, message ? message.value.trim() : ""),
    });
    if (answer === null) return false;
    done();
    return true;
}

/** The buttons of a version: what its state and the role of who asks allow, and further `entries`. */
export function versionActions(version, changed, entries = []) {
    const allowed = (version.actions ?? []).filter((action) => !REVIEWS.includes(action));
    const run = (action) => async () => {
        if (await take(version, action)) changed(action);
    };
    const button = (action) => h("button", {
        type: "button", class: `small ${PRIMARY.includes(action) ? "primary" : ""}`, data: { action },
        "aria-label": t("release.action.of", { action: t(`release.action.${action}`), name: fullName(version) }), onclick: run(action),
    }, icon(PICTURES[action]), t(`release.action.${action}`));
    const further = allowed.filter((action) => action in PICTURES && !FIRST.includes(action));
    const menu = () => [
        ...entries,
        entries.length > 0 && further.length > 0 && null,
        ...further.map((action) => ({ text: t(`release.action.${action}`), icon: PICTURES[action], bad: action === "delete", run: run(action) })),
    ].filter((entry) => entry !== false);
    return [
        FIRST.filter((action) => allowed.includes(action)).map(button),
        entries.length + further.length > 0 && menuButton(t("release.more", { name: fullName(version) }), menu),
    ];
}

/** What happened with a version; loaded when it is unfolded, or at once. */
export function history(version, open = false) {
    const place = h("div");
    const load = () => loadInto(place, () => service.audits(version.version_id), draw);
    const details = h("details", { class: "history", open, ontoggle: () => {
        if (details.open) load();
    } }, h("summary", {}, t("release.history")), place);
    return details;

    function draw(rows) {
        if (rows.length === 0) return h("p", { class: "faint" }, t("release.history.none"));
        return h("ol", { class: "rows audits" }, rows.map((row) => h("li", {},
            h("div", { class: "what" }, releaseBadge(row.status), row.message && h("p", { class: "message-text" }, row.message)),
            h("div", { class: "faint" }, h("div", {}, t(`release.as.${row.operator_type}`, { name: operator(row.operator) })),
                h("time", { datetime: row.status_time }, moment(service.when(row.status_time)))))));
    }
}

/** Whoever sits at this computer has no account's name. */
export const operator = (name) => (name === "local" ? t("release.local") : name);

/** Why a version was rejected or suspended. */
export function reasonOf(version) {
    if (!version.message || (version.status !== "rejected" && version.status !== "suspended")) return null;
    return h("p", { class: version.status === "rejected" ? "bad" : "warn" }, icon(version.status === "rejected" ? "failed" : "warning"),
        h("span", {}, h("strong", {}, t(`release.because.${version.status}`)), " ", version.message));
}

/** Size, and what is worth a look in a package. */
export function versionFacts(version) {
    return [
        version.size > 0 && bytes(version.size),
        version.owner && t("release.by", { name: operator(version.owner) }),
        version.status_time && moment(service.when(version.status_time)),
    ].filter(Boolean).join(" · ");
}

/** What is wrong with a package: each file with its reason, as the service found it. */
export function lintResult(details, free = "") {
    const rows = Object.entries(details ?? {});
    return h("div", { class: "lint", role: "alert" },
        h("p", { class: "bad" }, icon("failed"), h("strong", {}, t("publishing.lint.bad", { n: Math.max(rows.length, 1) }))),
        rows.length > 0
            ? h("ul", { class: "rows" }, rows.map(([file, reason]) => h("li", {}, h("div", { class: "what" },
                h("code", {}, file || t("publishing.lint.package")), h("p", {}, reason)))))
            : h("p", {}, free));
}

/** What is no mistake but worth a look. */
export function warnings(list) {
    return (list ?? []).length > 0 && h("ul", { class: "plain lint" }, list.map((text) => h("li", { class: "warn" }, icon("warning"), h("span", {}, text))));
}

/**
 * Brings the rows of a list in line with `items`. A row is drawn anew only when what it shows changed:
 * an open menu, what is unfolded, and the focus stay.
 */
export function rows(list, items, keyOf, draw) {
    keyed(list, items, keyOf, () => h("li", {}), (row, item) => {
        const now = JSON.stringify(item);
        if (row.shown === now) return;
        row.shown = now;
        draw(row, item);
    });
}

/** The way back to a list. */
export const back = (text, ...parts) => h("p", { class: "back" }, h("a", { href: link("publishing", ...parts) }, icon("back"), text));

/** A place with a busy word while something is done. */
export async function busy(button, work) {
    button.disabled = true;
    try {
        return await work();
    } catch (error) {
        tellError(error);
        return null;
    } finally {
        button.disabled = false;
    }
}

/** Fills a select with choices: `[value, text]`. */
export function choose(select, choices, chosen) {
    return fill(select, choices.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
}
