// One app of those that are published: its versions with their states and histories, what is said of
// it, its pictures.

import { appIcon } from "../components/app-icon.js";
import { section } from "../components/about.js";
import { ask, field } from "../components/ask-dialog.js";
import { copyButton } from "../components/copy-button.js";
import { confirm } from "../components/confirm-dialog.js";
import { menuButton } from "../components/menu-button.js";
import { attempt } from "../actions.js";
import { Part, fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { language, t } from "../i18n.js";
import { failed, placeholder, tell } from "../messages.js";
import { go, link } from "../router.js";
import { back, busy, choose, history, operator, reasonOf, releaseBadge, rows, versionActions, versionFacts, warnings } from "./publishing-parts.js";
import * as service from "./publishing-service.js";

/** All that a version can be in; without them the deleted ones would be missing. */
const STATES = "draft,submitted,in-review,passed,rejected,active,suspended,deleted";
const MOST_SCREENSHOTS = 6;
/** What the service takes of a picture. */
const MOST_PICTURE_BYTES = 2 * 1024 * 1024;
const PICTURES = "image/png,image/jpeg,image/svg+xml,image/webp,image/gif";

class PublishingApp extends Part {
    build() {
        this.heading = h("h1", { tabindex: "-1" }, "…");
        this.top = h("div", { class: "app-top" });
        this.note = h("div", {}, placeholder("loading", t("loading")));
        this.list = h("ul", { class: "rows versions" });
        this.versions = section(t("publishing.versions"), this.list);
        this.deleted = h("div");
        this.about = h("div");
        this.pictures = h("div");
        this.all = h("div", { hidden: true }, this.versions, this.deleted, this.pictures, this.about);
        this.append(back(t("publishing.apps")), this.top, this.note, this.all);
        fill(this.top, h("div", { class: "what" }, this.heading));
        this.every(20_000, () => this.#load());
    }

    async #load() {
        try {
            const [app, versions, categories, repositories] = await Promise.all([
                service.app(this.app), service.versions({ app_id: this.app, sort_key: "sequence", status: STATES }), service.categories(), service.repositories(),
            ]);
            this.repository = repositories.find((it) => it.id === app.repo_id)?.name ?? app.repo_id;
            if (this.isConnected) this.#draw(app, versions, categories);
        } catch (error) {
            if (!this.isConnected) return;
            this.heading.textContent = t("publishing.app");
            fill(this.note, failed(error, () => this.#load()));
            this.all.hidden = true;
        }
    }

    #draw(app, versions, categories) {
        const first = !this.known;
        this.known = app;
        fill(this.note);
        this.all.hidden = false;
        this.heading.textContent = app.name;
        this.heading.dataset.title = `${t("nav.publishing")} · ${app.name}`;
        const mine = service.isMine(app);
        const alive = versions.filter((it) => it.status !== "deleted");
        this.#drawTop(app, mine, alive);
        rows(this.list, alive, (version) => version.version_id, (row, version) => this.#row(row, version));
        const empty = this.versions.querySelector(".placeholder");
        if (alive.length === 0 && !empty) this.versions.append(placeholder("empty", t("publishing.noversions")));
        if (alive.length > 0) empty?.remove();
        const gone = versions.filter((it) => it.status === "deleted");
        fill(this.deleted, gone.length > 0 && h("details", { class: "section" }, h("summary", {}, t("publishing.deleted", { n: gone.length })),
            h("ul", { class: "rows" }, gone.map((version) => h("li", {}, h("div", { class: "what" }, h("div", { class: "title" }, h("strong", {}, version.name), releaseBadge(version.status)), history(version)))))));
        if (first) {
            fill(this.pictures, this.#pictures(app, mine));
            fill(this.about, this.#form(app, categories, mine));
        }
    }

    #drawTop(app, mine, alive) {
        const key = JSON.stringify([app, alive.length]);
        if (this.shownTop === key) return;
        this.shownTop = key;
        fill(this.top, appIcon(service.picture(app, app.icon), 44),
            h("div", { class: "what" }, h("div", { class: "title" }, this.heading, releaseBadge(app.status)),
                h("p", { class: "faint" }, [
                    this.repository,
                    service.session.accounts && operator(app.owner),
                    (app.category_set ?? []).map((it) => service.categoryText(it, language())).join(t("list.comma")),
                ].filter(Boolean).join(" · "))),
            h("div", { class: "actions" },
                mine && h("a", { class: "button primary", href: link("publishing", "version", app.app_id) }, icon("plus"), t("publishing.version.new")),
                mine && menuButton(t("publishing.app.more", { name: app.name }), () => [
                    app.status === "active" && { text: t("publishing.show"), icon: "catalog", href: link("catalog", app.name) },
                    { text: t("publishing.app.delete"), icon: "trash", bad: true, run: () => this.#remove(app) },
                ].filter(Boolean))));
    }

    #row(row, version) {
        row.dataset.version = version.version_id;
        const open = row.querySelector("details.history")?.open ?? false;
        const allowed = version.actions ?? [];
        const entries = [
            { text: t("release.download"), icon: "download", href: service.packageAddress(version.version_id) },
            allowed.includes("modify") && { text: t("release.replace"), icon: "upload", href: link("publishing", "version", this.app, version.version_id) },
            allowed.includes("modify") && { text: t("release.notes.edit"), icon: "wrap", run: () => this.#editNotes(version) },
        ].filter(Boolean);
        fill(row,
            h("div", { class: "what" },
                h("div", { class: "title" }, h("strong", {}, version.name), releaseBadge(version.status)),
                h("p", { class: "faint" }, versionFacts(version)),
                reasonOf(version),
                version.description && h("p", { class: "notes" }, version.description),
                warnings(version.warnings),
                h("p", { class: "faint hint" }, t(`release.hint.${version.status}`)),
                version.sha256 && h("p", { class: "integrity faint" }, icon("lock"), h("span", {}, "SHA-256 ", h("code", { title: version.sha256 }, `${version.sha256.slice(0, 16)}…`)), copyButton(version.sha256)),
                history(version, open)),
            h("div", { class: "actions" },
                allowed.includes("pass") && h("a", { class: "button small", href: link("publishing", "review", version.version_id) }, icon("eye"), t("release.toreview")),
                versionActions(version, () => this.#load(), entries)));
    }

    async #editNotes(version) {
        const notes = h("textarea", { rows: 6, maxlength: 20_000, value: version.description ?? "" });
        const done = await ask({
            title: t("release.notes.title", { name: version.name }), more: field(t("publishing.notes"), notes, t("publishing.notes.text")), confirm: t("action.save"),
            send: () => service.changeVersion({ version_id: version.version_id, description: notes.value.trim() }),
        });
        if (done) this.#load();
    }

    async #remove(app) {
        if (!await confirm({ title: t("publishing.app.delete.title", { name: app.name }), text: t("publishing.app.delete.text"), confirm: t("release.action.delete"), bad: true })) return;
        if (!await attempt(() => service.removeApp(app.app_id))) return;
        tell(t("publishing.app.deleted", { name: app.name }), { kind: "good" });
        go("publishing");
    }

    /** Icon and pictures. */
    #pictures(app, mine) {
        const change = async (type, sequence, file) => {
            if (file && file.size > MOST_PICTURE_BYTES) {
                tell(t("publishing.picture.large"), { kind: "bad" });
                return;
            }
            if (!await attempt(() => service.attach(this.app, type, sequence, file))) return;
            const changed = await attempt(() => service.app(this.app));
            if (changed && this.isConnected) fill(this.pictures, this.#pictures(changed, mine));
            this.#load();
        };
        const pick = (text, type, sequence, look = "") => {
            const input = h("input", { type: "file", accept: PICTURES, "aria-label": text, onchange: () => change(type, sequence, input.files[0]) });
            return h("label", { class: `button small pick ${look}` }, icon("upload"), h("span", {}, text), input);
        };
        const pictures = listOf(app.screenshots).map((address) => ({ address, place: placeOf(address) }));
        const free = [...Array(MOST_SCREENSHOTS).keys()].find((number) => pictures.every(({ place }) => place !== number));
        if (!mine && pictures.length === 0) return null;
        return section(t("publishing.pictures"),
            h("p", { class: "faint" }, t("publishing.later")),
            h("div", { class: "pictures" },
                h("figure", {}, appIcon(service.picture(app, app.icon), 64), h("figcaption", {}, t("publishing.icon")), mine && pick(t("publishing.icon.choose"), "icon", 0)),
                pictures.map(({ address, place }, index) => h("figure", { class: "screenshot" },
                    h("img", { src: service.picture(app, address), alt: t("publishing.picture", { n: index + 1 }), loading: "lazy" }),
                    h("figcaption", {}, t("publishing.picture", { n: index + 1 })),
                    mine && place !== null && h("button", { type: "button", class: "small", "aria-label": t("publishing.picture.remove", { n: index + 1 }), onclick: () => change("screenshot", place, null) }, icon("trash"), t("action.remove")))),
                mine && free !== undefined && h("figure", { class: "screenshot add" }, pick(t("publishing.picture.add"), "screenshot", free))));
    }

    /** What the app is, for people. */
    #form(app, categories, mine) {
        const text = (value, properties = {}) => h("input", { type: "text", value: value ?? "", disabled: !mine, autocomplete: "off", ...properties });
        const list = (value) => listOf(value).join(", ");
        const people = (value) => parse(value).map((it) => (it.email ? `${it.name} <${it.email}>` : it.name)).join(", ");
        const controls = {
            description: text(app.description, { maxlength: 2000 }),
            abstraction: text(app.abstraction, { maxlength: 500 }),
            readme: h("textarea", { rows: 8, value: app.readme ?? "", disabled: !mine }),
            home: text(app.home, { type: "url", placeholder: "https://" }),
            keywords: text(list(app.keywords)),
            maintainers: text(people(app.maintainers), { placeholder: "Mei <mei@example.org>" }),
            sources: text(list(app.sources), { placeholder: "https://" }),
        };
        const category = choose(h("select", { disabled: !mine }), categories.map((it) => [it.category_id, service.categoryText(it, language())]), app.category_set?.[0]?.category_id);
        const values = () => ({ ...Object.fromEntries(Object.entries(controls).map(([key, control]) => [key, control.value])), category_id: category.value });
        let before = values();
        const button = h("button", { class: "primary" }, t("action.save"));
        const form = h("form", { onsubmit: async (event) => {
            event.preventDefault();
            const now = values();
            const change = { app_id: this.app };
            for (const [key, value] of Object.entries(now)) if (value !== before[key]) change[key] = key === "maintainers" ? maintainers(value) : value.trim();
            if (!await busy(button, () => service.changeApp(change))) return;
            before = now;
            tell(t("publishing.saved"), { kind: "good" });
            this.#load();
        } }, h("div", { class: "fields" },
            Object.entries(controls).map(([key, control]) => field(t(`publishing.about.${key}`), control, t(`publishing.about.${key}.text`))),
            field(t("publishing.category"), category)),
        mine && h("div", { class: "actions" }, button));
        return section(t("publishing.about"), h("p", { class: "faint" }, t("publishing.later")), form);
    }
}

/** The parts of a text with commas. */
const listOf = (text) => (text ?? "").split(",").filter(Boolean);

/** Which of the uploaded pictures an address is; nothing for one that lies elsewhere. */
function placeOf(address) {
    const number = /^\/v1\/app\/attachment\?.*\bsequence=(\d+)/.exec(address)?.[1];
    return number === undefined ? null : Number(number);
}

/** `Mei <mei@example.org>, Li`: names with or without an address. */
function maintainers(text) {
    return text.split(",").map((part) => part.trim()).filter(Boolean).map((part) => {
        const [, name, email] = /^(.*?)\s*<([^>]*)>$/.exec(part) ?? [null, part, ""];
        return { name: name || email, email };
    });
}

function parse(text) {
    try {
        return JSON.parse(text || "[]");
    } catch {
        return [];
    }
}

customElements.define("publishing-app", PublishingApp);
