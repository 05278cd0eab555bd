// My apps: each with its state, what is in the store, and what waits.

import { appIcon } from "../components/app-icon.js";
import { searchField } from "../components/search-field.js";
import { Part, fill, h } from "../dom.js";
import { count } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { failed, placeholder } from "../messages.js";
import { link, replaceQuery } from "../router.js";
import { operator, releaseBadge, rows } from "./publishing-parts.js";
import * as service from "./publishing-service.js";

const STATES = ["draft", "active", "suspended"];

class PublishingApps extends Part {
    #turn = 0;

    build() {
        this.filter = { query: this.query?.get("query") ?? "", status: this.query?.get("status") ?? "", owner: this.query?.get("owner") ?? "" };
        this.states = h("select", { "aria-label": t("publishing.filter.state"), onchange: () => this.#choose({ status: this.states.value }) },
            ["", ...STATES].map((state) => h("option", { value: state, selected: state === this.filter.status }, t(state ? `release.state.${state}` : "publishing.filter.all"))));
        // An administrator sees the apps of everybody.
        this.owners = service.session.accounts && service.is("admin") && h("select", { "aria-label": t("publishing.filter.owner"), onchange: () => this.#choose({ owner: this.owners.value }) },
            [["", t("publishing.filter.everybody")], [service.session.name, t("publishing.filter.mine")]].map(([value, text]) => h("option", { value, selected: value === this.filter.owner }, text)));
        this.place = h("div", { "aria-live": "polite" }, placeholder("loading", t("loading")));
        this.rows = h("ul", { class: "rows my-apps" });
        this.append(
            h("div", { class: "toolbar" }, searchField(t("publishing.search"), (query) => this.#choose({ query }), { value: this.filter.query }), this.states, this.owners,
                h("a", { class: "button primary", href: link("publishing", "new") }, icon("plus"), t("publishing.new"))),
            this.place, this.rows);
        this.every(30_000, () => this.#load());
    }

    #choose(change) {
        Object.assign(this.filter, change);
        replaceQuery(this.filter);
        this.#load();
    }

    async #load() {
        const turn = this.#turn += 1;
        const { query, status, owner } = this.filter;
        try {
            const found = await service.apps({ search_word: query.trim(), status: status || STATES.join(","), owner });
            const ids = (found.app_set ?? []).map((app) => app.app_id);
            const active = ids.length > 0 ? await service.versions({ app_id: ids.join(","), status: "active", sort_key: "sequence" }) : [];
            // The newest of each app comes first, and stays.
            const newest = new Map(active.toReversed().map((version) => [version.app_id, version]));
            if (turn !== this.#turn || !this.isConnected) return;
            fill(this.place, this.#note(found));
            const items = (found.app_set ?? []).map((app) => ({ app, active: newest.get(app.app_id) }));
            rows(this.rows, items, ({ app }) => app.app_id, (row, item) => this.#row(row, item));
        } catch (error) {
            if (turn !== this.#turn || !this.isConnected) return;
            fill(this.place, failed(error, () => this.#load()));
            rows(this.rows, [], () => "", () => null);
        }
    }

    #note({ app_set: apps = [], total_count: total = apps.length }) {
        if (apps.length === 0) {
            const { query, status } = this.filter;
            return query || status ? placeholder("empty", query ? t("search.none", { query }) : t("publishing.none.state"))
                : placeholder("empty", t("publishing.none"), t("publishing.none.text"), h("a", { class: "button primary", href: link("publishing", "new") }, icon("upload"), t("publishing.new")));
        }
        return total > apps.length && h("p", { class: "faint" }, t("publishing.further", { shown: count(apps.length), count: count(total) }));
    }

    #row(row, { app, active }) {
        const latest = app.latest_app_version;
        row.dataset.app = app.name;
        fill(row, appIcon(service.picture(app, app.icon), 40),
            h("div", { class: "what" },
                h("div", { class: "title" }, h("a", { href: link("publishing", "app", app.app_id) }, app.name), releaseBadge(app.status)),
                h("p", { class: "desc" }, app.description),
                service.session.accounts && h("p", { class: "faint" }, t("release.by", { name: operator(app.owner) }))),
            h("div", { class: "faint" },
                active && h("div", {}, t("publishing.active", { version: active.name })),
                latest && latest.version_id !== active?.version_id && h("div", {}, t("publishing.latest", { version: latest.name }), " ", releaseBadge(latest.status))));
    }
}

customElements.define("publishing-apps", PublishingApps);
