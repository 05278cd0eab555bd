// One app, in tabs: how it is, its settings, its output, what it is.

import * as api from "../api.js";
import { restart, start, stop, upgrade } from "../actions.js";
import { appIcon } from "../components/app-icon.js";
import { jobLine } from "../components/job-line.js";
import { logView } from "../components/log-view.js";
import { menuButton } from "../components/menu-button.js";
import { stateBadge, stateOf } from "../components/state-badge.js";
import { Part, fill, h, setAttribute, setText, show } from "../dom.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { failed, placeholder } from "../messages.js";
import { link } from "../router.js";
import { activeJob, loadApps, on, store } from "../store.js";
import { appAbout } from "./app-about.js";
import { appOverview } from "./app-overview.js";
import { appSettings } from "./app-settings.js";
import { appMenu, pageOf, runs } from "./installed.js";

const TABS = ["overview", "settings", "logs", "about"];
const MAKERS = { overview: appOverview, settings: appSettings, logs: logView, about: appAbout };

class AppScreen extends Part {
    build() {
        const { name } = this;
        this.badge = stateBadge();
        setAttribute(this.badge, "role", "status");
        this.picture = appIcon("", 44);
        this.heading = h("h1", { tabindex: "-1", data: { title: name } }, name);
        this.version = h("span", { class: "version faint" });
        const button = (picture, text, run, look = "") => h("button", { type: "button", class: look, onclick: () => run(name) }, icon(picture), h("span", { class: "label" }, t(text)));
        this.start = button("start", "action.start", start, "primary");
        this.stop = button("stop", "action.stop", stop);
        this.restart = button("restart", "action.restart", restart);
        this.install = h("a", { class: "button primary", href: link("install", name), hidden: true }, icon("download"), t("action.install"));
        this.open = h("a", { class: "button", target: "_blank", rel: "noopener", hidden: true }, icon("open"), h("span", { class: "label" }, t("action.open")));
        this.job = jobLine(t("job.progress"));
        this.watch = h("a", { class: "button small" }, t("job.show"));
        this.working = h("div", { class: "working", hidden: true }, this.job, this.watch);
        this.offer = h("div");
        this.tabs = h("nav", { class: "tabs", "aria-label": t("app.tabs") }, TABS.map((tab) => h("a", { href: tab === "overview" ? link("app", name) : link("app", name, tab), data: { tab } }, t(`tab.${tab}`))));
        this.note = h("div");
        this.place = h("div", { class: "tab" });
        this.top = h("div", { class: "app-top" }, this.picture,
            h("div", { class: "what" }, h("div", { class: "title" }, this.heading, this.version), this.badge),
            h("div", { class: "actions" }, this.open, this.install, this.start, this.restart, this.stop,
                menuButton(t("app.more", { name }), () => (store.apps.has(name) ? appMenu(store.apps.get(name)) : []))));
        this.append(h("p", { class: "back" }, h("a", { href: "#/" }, icon("back"), t("nav.installed"))), this.top, this.working, this.offer, this.tabs, this.note, this.place);
        this.atEnd(on("list", () => this.changed()));
        this.atEnd(on("status", (changed) => { if (changed === name) this.changed(); }));
        this.atEnd(on("jobs", (job) => { if (!job || job.app === name || job.found === name) this.changed(); }));
        this.every(5000, () => this.changed());
        this.#lookForUpdate();
    }

    /** The address names another tab. */
    moved() {
        this.update();
    }

    update() {
        const { name } = this;
        const app = store.apps.get(name);
        if (!app) {
            this.#missing();
            return;
        }
        this.#note("", () => null);
        show(this.tabs, true);
        if (this.picture.dataset.source !== app.icon) {
            this.picture.dataset.source = app.icon;
            this.picture.src = app.icon;
        }
        setText(this.version, app.installed ?? app.version);
        this.badge.show(stateOf(app));
        const on = runs(app);
        const there = app.installed !== null && !app.error;
        show(this.start, there && !on && app.hasStart !== false);
        show(this.stop, there && on);
        show(this.restart, there && on && app.hasRestart !== false);
        show(this.install, app.installed === null && !app.error);
        const page = pageOf(app);
        show(this.open, Boolean(page) && on);
        if (page) setAttribute(this.open, "href", page);
        const job = activeJob(name);
        show(this.working, Boolean(job));
        if (job) {
            this.job.showJob(job);
            setAttribute(this.watch, "href", link("jobs", job.id));
        }
        this.#showTab();
    }

    #shownTab = null;

    #showTab() {
        const tab = TABS.includes(this.tab) ? this.tab : "overview";
        if (this.#shownTab === tab) return;
        this.#shownTab = tab;
        for (const entry of this.tabs.children) setAttribute(entry, "aria-current", entry.dataset.tab === tab ? "page" : null);
        this.heading.dataset.title = tab === "overview" ? this.name : `${this.name} · ${t(`tab.${tab}`)}`;
        this.place.className = `tab ${tab}`;
        fill(this.place, MAKERS[tab](this.name));
    }

    #missing() {
        show(this.tabs, false);
        for (const button of [this.start, this.stop, this.restart, this.install, this.open]) show(button, false);
        fill(this.place);
        this.#shownTab = null;
        if (store.error && !store.loaded) this.#note("error", () => failed(store.error, loadApps));
        else if (!store.loaded) this.#note("loading", () => placeholder("loading", t("loading")));
        else {
            this.badge.show("absent");
            this.#note("missing", () => placeholder("empty", t("app.missing", { name: this.name }), t("app.missing.text"),
                h("a", { class: "button primary", href: link("catalog", { query: this.name }) }, icon("search"), t("installed.tocatalog"))));
        }
    }

    #shownNote = null;

    #note(key, make) {
        if (this.#shownNote === key) return;
        this.#shownNote = key;
        fill(this.note, make());
    }

    /** A newer version is on offer. */
    async #lookForUpdate() {
        const offers = await api.get("/api/catalog?updates=true").catch(() => []);
        const offer = offers.find((it) => it.name === this.name);
        if (!offer || offer.pinned || !this.isConnected) return;
        fill(this.offer, h("div", { class: "strip info" }, icon("updates"),
            h("div", {}, h("strong", {}, t("updates.one", { from: offer.installed, to: offer.version })), " ", offer.notes),
            h("div", { class: "actions" }, h("button", { type: "button", class: "primary small", onclick: async () => {
                fill(this.offer);
                const record = await upgrade(this.name);
                if (record?.state !== "succeeded" && this.isConnected) this.#lookForUpdate();
            } }, t("action.update")))));
    }
}

customElements.define("app-screen", AppScreen);
