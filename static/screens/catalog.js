// What can be installed: by category, by what one types, by source.

import * as api from "../api.js";
import { upgrade } from "../actions.js";
import { appIcon } from "../components/app-icon.js";
import { jobLine } from "../components/job-line.js";
import { searchField } from "../components/search-field.js";
import { Part, fill, h, keyed, setAttribute, setText, show } from "../dom.js";
import { ago, bytes } from "../format.js";
import { icon } from "../icons.js";
import { has, t } from "../i18n.js";
import { failed, placeholder } from "../messages.js";
import { link, place, replaceQuery } from "../router.js";
import { activeJob, on } from "../store.js";
import { heading } from "./heading.js";

/** The manual's, in its order. */
const CATEGORIES = ["hots", "work", "development", "games", "education", "news", "shopping", "social", "utilities", "others"];

/** A category's name; that of a list of its own is as it is. */
export const categoryName = (category) => (has(`category.${category}`) ? t(`category.${category}`) : category);

class CatalogScreen extends Part {
    #all = null;
    #found = null;
    #error = null;
    #turn = 0;

    build() {
        const { query } = place();
        this.filter = { query: query.get("query") ?? "", category: query.get("category") ?? "", show: query.get("show") ?? "", source: query.get("source") ?? "" };
        this.search = searchField(t("catalog.search"), (text) => this.#choose({ query: text }), { value: this.filter.query });
        this.kinds = h("select", { "aria-label": t("catalog.show"), onchange: () => this.#choose({ show: this.kinds.value }) },
            ["", "installed", "updates", "new"].map((kind) => h("option", { value: kind, selected: kind === this.filter.show }, t(`catalog.show.${kind || "all"}`))));
        this.sources = h("select", { "aria-label": t("catalog.source"), hidden: true, onchange: () => this.#choose({ source: this.sources.value }) });
        this.categories = h("div", { class: "chips", role: "group", "aria-label": t("catalog.categories") });
        this.offline = h("div");
        this.note = h("div", { "aria-live": "polite" });
        this.cards = h("ul", { class: "cards" });
        this.append(
            heading(t("nav.catalog"), h("a", { class: "button", href: link("install") }, icon("upload"), t("catalog.file"))),
            h("div", { class: "toolbar" }, this.search, this.kinds, this.sources),
            this.categories, this.offline, this.note, this.cards);
        this.atEnd(on("jobs", () => this.changed()));
        this.atEnd(on("list", () => this.#load()));
        this.atEnd(on("catalogs", () => this.#load()));
        this.#load();
    }

    async #load() {
        const turn = this.#turn += 1;
        const { query } = this.filter;
        try {
            const [all, found, catalogs] = await Promise.all([
                api.get("/api/catalog"),
                query.trim() ? api.get(api.path("/api/catalog", [], { query })) : null,
                api.get("/api/catalogs"),
            ]);
            if (turn !== this.#turn) return;
            this.#all = all;
            this.#found = found ?? all;
            this.#showSources(catalogs);
            this.#error = null;
        } catch (error) {
            if (turn !== this.#turn) return;
            this.#error = error;
        }
        this.changed();
    }

    #choose(change) {
        Object.assign(this.filter, change);
        replaceQuery(this.filter);
        if ("query" in change) this.#load();
        else this.changed();
    }

    #showSources(catalogs) {
        this.catalogs = catalogs;
        show(this.sources, catalogs.length > 1);
        fill(this.sources, h("option", { value: "" }, t("catalog.source.all")),
            catalogs.map(({ name }) => h("option", { value: name, selected: name === this.filter.source }, name)));
        const bad = catalogs.filter((catalog) => catalog.error);
        const oldest = Math.min(...bad.map((catalog) => catalog.syncedAt ?? Infinity));
        fill(this.offline, bad.length > 0 && h("div", { class: "strip warn" }, icon("warning"),
            h("div", {}, h("strong", {}, t("catalog.old", { names: bad.map((catalog) => catalog.name).join(t("list.comma")) })), " ",
                Number.isFinite(oldest) ? t("catalog.old.text", { ago: ago(oldest) }) : "", " ",
                h("span", { class: "cause" }, bad[0].error.message)),
            h("div", { class: "actions" }, h("button", { type: "button", class: "small", onclick: () => this.#refresh() }, icon("restart"), t("action.again")))));
    }

    async #refresh() {
        // What failed stands in the list of catalogs.
        await api.post("/api/catalogs/refresh").catch(() => null);
        this.#load();
    }

    update() {
        const { category, show: kind, source } = this.filter;
        if (!this.#found) {
            if (this.#error) this.#note(`error ${this.#error.message}`, () => failed(this.#error, () => this.#load()));
            else this.#note("loading", () => placeholder("loading", t("loading")));
            return;
        }
        const fits = (offer) => (!source || offer.catalog === source || offer.alsoIn.some((it) => it.catalog === source))
            && (kind === "" || (kind === "installed" && offer.installed !== null) || (kind === "updates" && offer.update) || (kind === "new" && offer.installed === null));
        const those = this.#found.filter(fits);
        this.#showCategories(those);
        const offers = those.filter((offer) => !category || offer.categories.includes(category));
        keyed(this.cards, offers, (offer) => offer.name, makeCard, (card, offer) => card.show(offer));
        if (this.catalogs.length === 0 && this.#all.length === 0) {
            this.#note("nowhere", () => placeholder("empty", t("catalog.nowhere"), t("catalog.nowhere.text"),
                h("a", { class: "button primary", href: link("sources") }, icon("plus"), t("sources.add"))));
        } else if (offers.length === 0) {
            this.#note(`empty ${JSON.stringify(this.filter)}`, () => placeholder("empty", this.filter.query ? t("search.none", { query: this.filter.query }) : t("catalog.none"), "",
                h("button", { type: "button", onclick: () => {
                    this.search.input.value = "";
                    this.kinds.value = "";
                    this.sources.value = "";
                    this.#choose({ query: "", category: "", show: "", source: "" });
                } }, t("search.clear"))));
        } else this.#note("", () => null);
    }

    #shownNote = null;

    #note(key, make) {
        if (this.#shownNote === key) return;
        this.#shownNote = key;
        fill(this.note, make());
    }

    #showCategories(offers) {
        const counts = new Map();
        for (const offer of offers) for (const category of offer.categories) counts.set(category, (counts.get(category) ?? 0) + 1);
        const others = [...new Set(this.#all.flatMap((offer) => offer.categories))].filter((name) => !CATEGORIES.includes(name)).sort();
        const known = ["", ...CATEGORIES.filter((name) => this.#all.some((offer) => offer.categories.includes(name))), ...others];
        show(this.categories, known.length > 2);
        keyed(this.categories, known, (name) => name, (name) => h("button", { type: "button", class: "chip", onclick: () => this.#choose({ category: name }) }), (chip, name) => {
            const words = name ? categoryName(name) : t("category.all");
            setText(chip, `${words} ${name ? counts.get(name) ?? 0 : offers.length}`);
            setAttribute(chip, "aria-pressed", String(name === this.filter.category));
        });
    }
}

/** A card; while the app is worked on, the card is its progress. */
function makeCard({ name }) {
    const picture = appIcon("", 44);
    const version = h("span", { class: "version" });
    const desc = h("p", { class: "desc" });
    const facts = h("p", { class: "facts faint" });
    const button = h("a", { class: "button", href: link("install", name) });
    const update = h("button", { type: "button", class: "primary", onclick: () => upgrade(name) }, t("action.update"));
    const job = jobLine(t("job.progress.app", { name }));
    const watch = h("a", { class: "button small" }, t("job.show"));
    const actions = h("div", { class: "actions" }, update, button);
    const working = h("div", { class: "working" }, job, watch);
    const card = h("li", { class: "card", data: { app: name } },
        picture, h("div", { class: "what" }, h("div", { class: "title" }, h("a", { href: link("catalog", name) }, name), version), desc, facts), actions, working);
    card.show = (offer) => {
        if (picture.dataset.source !== offer.icon) {
            picture.dataset.source = offer.icon;
            if (offer.icon) picture.src = offer.icon;
        }
        const installed = offer.installed !== null;
        setText(version, offer.update ? `${offer.installed} → ${offer.version}` : offer.version);
        setText(desc, offer.desc);
        setText(facts, [offer.catalog, offer.size > 0 ? bytes(offer.size) : "", installed ? t("catalog.installed") : ""].filter(Boolean).join(" · "));
        const now = activeJob(name);
        show(update, offer.update && !now);
        setAttribute(button, "href", installed ? link("app", name) : link("install", name));
        button.className = `button ${installed ? "" : "primary"}`;
        setText(button, t(installed ? "action.show" : "action.install"));
        setAttribute(button, "aria-label", t(installed ? "action.show.app" : "action.install.app", { name }));
        setAttribute(update, "aria-label", t("action.update.app", { name }));
        show(actions, !now);
        show(working, Boolean(now));
        if (now) {
            job.showJob(now);
            setAttribute(watch, "href", now.kind === "install" ? link("install", name, { job: now.id }) : link("jobs", now.id));
        }
    };
    return card;
}

customElements.define("catalog-screen", CatalogScreen);
