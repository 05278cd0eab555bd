// What was published: in numbers, and by day.

import { facts, section } from "../components/about.js";
import { Part, h } from "../dom.js";
import { count } from "../format.js";
import { language, t } from "../i18n.js";
import { loadInto, placeholder } from "../messages.js";
import * as service from "./publishing-service.js";

class PublishingStatistics extends Part {
    build() {
        this.place = h("div");
        this.append(this.place);
        loadInto(this.place, async () => {
            const [found, repositories] = await Promise.all([service.statistics(), service.repositories()]);
            return { ...found, names: new Map(repositories.map((it) => [it.id, it.name])) };
        }, draw);
    }
}

function draw(found) {
    const days = Object.entries(found.last_two_week_created ?? {}).sort(([a], [b]) => a.localeCompare(b));
    const tops = Object.entries(found.top_ten_repos ?? {}).sort(([, a], [, b]) => b - a);
    const states = Object.entries(found.version_status ?? {});
    return [
        section(t("statistics.now"), facts([
            [t("statistics.apps"), count(found.app_count ?? 0)],
            [t("statistics.active"), found.active_app_count !== undefined && count(found.active_app_count)],
            [t("statistics.versions"), found.version_count !== undefined && count(found.version_count)],
            [t("statistics.repositories"), count(found.repo_count ?? 0)],
            ...states.map(([state, n]) => [t(`release.state.${state}`), count(n)]),
        ])),
        section(t("statistics.days"), days.length === 0 ? placeholder("empty", t("statistics.none")) : columns(days)),
        section(t("statistics.tops"), tops.length === 0 ? placeholder("empty", t("statistics.none")) : bars(tops, found.names)),
    ];
}

/** A column for each day; the same as a table for those who cannot see it. */
function columns(days) {
    const most = Math.max(1, ...days.map(([, n]) => n));
    const day = new Intl.DateTimeFormat(language(), { day: "numeric", month: "numeric", timeZone: "UTC" });
    return h("table", { class: "columns" }, h("caption", { class: "hidden" }, t("statistics.days")), h("tbody", {},
        h("tr", {}, days.map(([date, n]) => h("td", {}, h("span", { class: "number" }, n > 0 ? count(n) : ""), h("span", { class: "column", vars: { "--part": n / most } })))),
        h("tr", {}, days.map(([date]) => h("th", { scope: "col" }, day.format(new Date(date)))))));
}

function bars(tops, names) {
    const most = Math.max(1, ...tops.map(([, n]) => n));
    return h("ul", { class: "plain tops" }, tops.map(([id, n]) => h("li", {}, h("span", {}, names.get(id) ?? id), h("span", { class: "meter", vars: { "--part": n / most } }), h("span", { class: "number" }, count(n)))));
}

customElements.define("publishing-statistics", PublishingStatistics);
