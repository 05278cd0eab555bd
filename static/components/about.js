// What is to be known of an app: its description, versions, dependencies, where it comes from, and
// what it will do on this computer.

import { h } from "../dom.js";
import { bytes } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { link } from "../router.js";
import { appIcon } from "./app-icon.js";
import { planSteps } from "./difference.js";

/** The top: picture, version, description. */
export function head(app, ...actions) {
    return h("div", { class: "app-head" }, appIcon(app.icon, 56),
        h("div", { class: "what" }, h("p", { class: "faint" }, [app.version, app.catalog].filter(Boolean).join(" · ")), h("p", {}, app.desc)),
        h("div", { class: "actions" }, actions));
}

/** A section with a title. */
export function section(title, ...content) {
    return h("section", { class: "section" }, h("h2", {}, title), content);
}

/** Rows of a name and a value. */
export function facts(rows) {
    return h("dl", { class: "facts" }, rows.filter(([, value]) => value !== null && value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0))
        .map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** Everything that a catalog says of an app. */
export function aboutOffer(offer) {
    return [
        offer.notes && section(t("about.notes"), h("p", { class: "notes" }, offer.notes)),
        dependencies(offer.dependencies ?? []),
        source(offer),
        versions(offer.versions ?? [], offer.version),
    ];
}

/** What it needs, and whether it is there. */
export function dependencies(list) {
    return list.length > 0 && section(t("about.dependencies"), h("ul", { class: "plain" }, list.map((it) => h("li", {},
        h("a", { href: it.installed ? link("app", it.name) : link("catalog", it.name) }, it.name), " ", it.version, " ",
        it.installed ? h("span", { class: "badge good" }, icon("check"), h("span", {}, t("about.there", { version: it.installed })))
            : it.available ? h("span", { class: "badge info" }, icon("download"), h("span", {}, t("about.comes")))
            : h("span", { class: "badge bad" }, icon("warning"), h("span", {}, t("about.missing")))))));
}

/** Where it comes from, and whether what comes can be checked. */
export function source(offer) {
    const addresses = offer.addresses ?? [];
    if (addresses.length === 0) return null;
    return section(t("about.source"),
        facts([
            [t("about.catalog"), offer.catalog],
            ...addresses.map((it) => [t(`about.part.${it.part}`), h("span", {},
                h("code", {}, it.host || it.url), it.size > 0 && ` · ${bytes(it.size)}`, it.mirrors > 0 && ` · ${t("about.mirrors", { n: it.mirrors })}`)]),
        ]),
        addresses.every((it) => it.sha256)
            ? h("p", { class: "integrity good" }, icon("lock"), t("about.checked"))
            : h("p", { class: "integrity warn" }, icon("warning"), t("about.unchecked")));
}

/** The versions that can be had. */
export function versions(list, current) {
    return list.length > 1 && section(t("about.versions"), h("ul", { class: "plain versions" }, list.map((it) => h("li", {},
        h("code", {}, it.version), it.version === current && h("span", { class: "tag" }, t("about.newest")),
        it.size > 0 && h("span", { class: "faint" }, bytes(it.size)), it.notes && h("p", { class: "notes" }, it.notes)))));
}

/** What an app does on this computer, from its plan. */
export function effects(found) {
    const codes = (values) => values.map((value, index) => [index > 0 && t("list.comma"), h("code", {}, String(value))]);
    return section(t("about.effects"),
        facts([
            [t("about.programs"), codes(found.programs ?? [])],
            [t("about.ports"), codes(found.ports ?? [])],
            [t("about.hosts"), codes(found.hosts ?? [])],
            [t("about.outside"), (found.outside ?? []).length > 0 ? codes(found.outside) : t("about.outside.none")],
            [t("about.deletes"), codes(found.deletes ?? [])],
            [t("about.apps"), codes(found.apps ?? [])],
        ]),
        found.install?.length > 0 && h("details", {}, h("summary", {}, t("about.plan.install", { n: found.install.length })), planSteps(found.install)),
        found.start?.length > 0 && h("details", {}, h("summary", {}, t("about.plan.start", { n: found.start.length })), planSteps(found.start)));
}
