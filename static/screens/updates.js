// Newer versions of what is installed.

import * as api from "../api.js";
import { attempt, upgrade } from "../actions.js";
import { appIcon } from "../components/app-icon.js";
import { jobLine } from "../components/job-line.js";
import { menuButton } from "../components/menu-button.js";
import { Part, fill, h, keyed, setText, show } from "../dom.js";
import { bytes } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { failed, placeholder } from "../messages.js";
import { link } from "../router.js";
import { activeJob, on, store } from "../store.js";
import { heading } from "./heading.js";

class UpdatesScreen extends Part {
    #offers = null;
    #error = null;

    build() {
        this.all = h("button", { type: "button", class: "primary", hidden: true, onclick: () => Promise.all(this.#offers.filter((it) => !it.pinned).map((it) => upgrade(it.name))) }, icon("updates"), t("updates.all"));
        const look = h("button", { type: "button", onclick: async () => {
            await attempt(() => api.post("/api/catalogs/refresh"));
            this.#load();
        } }, icon("restart"), t("updates.look"));
        this.note = h("div", { "aria-live": "polite" });
        this.rows = h("ul", { class: "rows updates" });
        this.append(heading(t("nav.updates"), look, this.all), this.note, this.rows);
        for (const topic of ["list", "catalogs", "updates"]) this.atEnd(on(topic, () => this.#load()));
        this.atEnd(on("jobs", () => this.changed()));
        this.#load();
    }

    async #load() {
        try {
            this.#offers = await api.get("/api/catalog?updates=true");
            this.#error = null;
        } catch (error) {
            this.#error = error;
        }
        this.changed();
    }

    update() {
        const offers = this.#offers;
        const kind = this.#error && !offers ? `error ${this.#error.message}` : !offers ? "loading" : offers.length === 0 ? "empty" : "";
        if (this.#note !== kind) {
            this.#note = kind;
            if (kind.startsWith("error")) fill(this.note, failed(this.#error, () => this.#load()));
            else if (kind === "loading") fill(this.note, placeholder("loading", t("loading")));
            else if (kind === "empty") fill(this.note, placeholder("empty", t("updates.none"), t("updates.none.text"), h("a", { class: "button", href: link("sources") }, icon("sources"), t("nav.sources"))));
            else fill(this.note);
        }
        show(this.all, (offers ?? []).filter((it) => !it.pinned).length > 1);
        keyed(this.rows, offers ?? [], (offer) => offer.name, makeRow, (row, offer) => row.show(offer));
    }

    #note = null;
}

function makeRow({ name }) {
    const picture = appIcon("");
    const versions = h("span", { class: "version" });
    const notes = h("span", { class: "desc" });
    const facts = h("span", { class: "faint" });
    const job = jobLine(t("job.progress.app", { name }));
    const button = h("button", { type: "button", class: "primary", "aria-label": t("action.update.app", { name }), onclick: () => upgrade(name) }, t("action.update"));
    const pinned = h("span", { class: "tag" }, t("updates.pinned"));
    const offers = (change) => attempt(() => api.patch(api.app(name, "offers"), change));
    let current = null;
    const menu = menuButton(t("app.more", { name }), () => [
        { text: t("updates.skip", { version: current.version }), icon: "next", run: () => offers({ skip: current.version }) },
        { text: current.pinned ? t("action.unpin") : t("action.pin"), icon: "lock", run: () => offers({ pinned: !current.pinned }) },
        { text: t("tab.about"), icon: "info", href: link("app", name, "about") },
    ]);
    const row = h("li", {}, picture, h("div", { class: "what" }, h("div", { class: "title" }, h("a", { href: link("app", name) }, name), versions, pinned), notes, job),
        facts, h("div", { class: "actions" }, button, menu));
    row.show = (offer) => {
        current = offer;
        const app = store.apps.get(name);
        const source = app?.icon ?? offer.icon;
        if (picture.dataset.source !== source) {
            picture.dataset.source = source;
            if (source) picture.src = source;
        }
        setText(versions, `${offer.installed} → ${offer.version}`);
        setText(notes, offer.notes || offer.desc);
        setText(facts, [offer.catalog, offer.size > 0 ? bytes(offer.size) : ""].filter(Boolean).join(" · "));
        show(pinned, offer.pinned);
        const now = activeJob(name);
        show(job, Boolean(now));
        if (now) job.showJob(now);
        show(button, !now && !offer.pinned);
    };
    return row;
}

customElements.define("updates-screen", UpdatesScreen);
