// The shelf of the package server: what clients of Qt's application manager are served, upload by
// drop, removal.

import * as api from "../api.js";
import { attempt } from "../actions.js";
import { appIcon } from "../components/app-icon.js";
import { facts, section } from "../components/about.js";
import { confirm } from "../components/confirm-dialog.js";
import { copyButton } from "../components/copy-button.js";
import { dropZone } from "../components/drop-zone.js";
import { progressBar } from "../components/progress-bar.js";
import { searchField } from "../components/search-field.js";
import { Part, fill, h, setText, show } from "../dom.js";
import { bytes, count } from "../format.js";
import { icon } from "../icons.js";
import { language, t } from "../i18n.js";
import { failed, placeholder, tell } from "../messages.js";
import { on } from "../store.js";
import { heading } from "./heading.js";
import { send } from "./publishing-service.js";

class ShelfScreen extends Part {
    #query = "";
    #sending = 0;

    build() {
        this.note = h("div", { "aria-live": "polite" }, placeholder("loading", t("loading")));
        this.facts = h("div");
        this.uploads = h("ul", { class: "rows uploads", "aria-live": "polite" });
        this.list = h("div", { "aria-live": "polite" });
        this.number = h("p", { class: "faint" });
        this.all = h("div", { hidden: true }, this.facts,
            section(t("shelf.put"), h("p", { class: "faint" }, t("shelf.put.text")), dropZone(t("shelf.drop"), ".ampkg,.zip", (files) => files.forEach((file) => this.#upload(file)), { multiple: true }), this.uploads),
            section(t("shelf.packages"), h("div", { class: "toolbar" }, searchField(t("shelf.search"), (query) => {
                this.#query = query;
                this.#draw();
            }), this.number), this.list));
        this.append(heading(t("nav.shelf")), this.note, this.all);
        this.atEnd(on("shelf", () => this.#load()));
        this.every(30_000, () => this.#load());
    }

    async #load() {
        try {
            const { server, packages } = await api.get("/api/shelf");
            if (!this.isConnected) return;
            const key = JSON.stringify([server, packages]);
            if (this.shown === key) return;
            this.shown = key;
            show(this.all, server !== null);
            fill(this.note, server === null && placeholder("empty", t("shelf.off"), t("shelf.off.text"), h("span", { class: "command" }, h("code", {}, COMMAND), copyButton(COMMAND))));
            if (server === null) return;
            this.packages = packages;
            fill(this.facts, facts([
                [t("shelf.address"), h("span", {}, h("code", {}, server.url), copyButton(server.url))],
                [t("shelf.project"), h("code", {}, server.project)],
                [t("shelf.folder"), h("span", {}, h("code", { class: "path" }, server.folder), copyButton(server.folder))],
                [t("shelf.most"), bytes(server.maxBytes)],
                [t("shelf.signatures"), [t(server.verifies ? "shelf.verifies" : "shelf.verifies.not"), h("br"), t(server.signs ? "shelf.signs" : "shelf.signs.not")]],
            ]));
            this.#draw();
        } catch (error) {
            if (!this.isConnected) return;
            this.shown = null;
            show(this.all, false);
            fill(this.note, failed(error, () => this.#load()));
        }
    }

    #draw() {
        const all = this.packages ?? [];
        const wanted = this.#query.trim().toLowerCase();
        const those = all.filter((it) => !wanted || [it.id, ...Object.values(it.names ?? {})].some((text) => text.toLowerCase().includes(wanted)));
        setText(this.number, t("shelf.number", { n: all.length, count: count(all.length) }));
        if (all.length === 0) fill(this.list, placeholder("empty", t("shelf.none"), t("shelf.none.text")));
        else if (those.length === 0) fill(this.list, placeholder("empty", t("search.none", { query: this.#query })));
        else fill(this.list, h("ul", { class: "rows shelf" }, those.map((it) => this.#row(it))));
    }

    #row(it) {
        const name = inLanguage(it.names) || it.id;
        const description = inLanguage(it.descriptions);
        const architecture = it.architecture ?? t("shelf.every");
        return h("li", { data: { package: it.id } }, appIcon(it.hasIcon ? addressOf(it, "icon") : "", 36),
            h("div", { class: "what" },
                h("div", { class: "title" }, h("strong", {}, name), name !== it.id && h("code", {}, it.id), h("span", { class: "tag" }, architecture), h("span", { class: "tag" }, t(`shelf.kind.${it.kind}`)),
                    it.developerSigned && h("span", { class: "tag" }, icon("lock"), " ", t("shelf.signed"))),
                description && h("p", { class: "desc" }, description),
                h("p", { class: "faint" }, [it.version && `${t("version")} ${it.version}`, bytes(it.bytes), it.categories.join(t("list.comma"))].filter(Boolean).join(" · "))),
            h("div", { class: "actions" }, h("button", { type: "button", class: "small", "aria-label": t("shelf.remove.one", { name: `${it.id} ${architecture}` }), title: t("shelf.remove"), onclick: () => this.#remove(it, architecture) }, icon("trash"))));
    }

    async #remove(it, architecture) {
        if (!await confirm({ title: t("shelf.remove.title", { name: it.id, architecture }), text: t("shelf.remove.text"), confirm: t("action.remove"), bad: true })) return;
        if (await attempt(async () => (await api.remove(addressOf(it, null, "all"))) ?? true)) tell(t("shelf.removed", { name: it.id }), { kind: "good" });
        this.#load();
    }

    /** Each file on its own: one that is refused keeps no other from its place. */
    async #upload(file) {
        const bar = progressBar(t("publishing.upload.progress", { name: file.name }));
        const place = h("div", { class: "what" }, h("div", { class: "title" }, h("strong", {}, file.name), h("span", { class: "faint" }, bytes(file.size))), bar);
        const row = h("li", { data: { file: file.name } }, place);
        this.uploads.append(row);
        bar.show(0, "");
        try {
            const answer = await send("PUT", "/api/shelf/packages", file, bar);
            bar.replaceWith(h("p", { class: "good" }, icon("check"), t(`shelf.result.${answer.result}`, { name: answer.id, architecture: answer.architecture ?? t("shelf.every") })));
        } catch (error) {
            bar.replaceWith(h("p", { class: "bad" }, icon("failed"), h("span", {}, error.message)));
        }
        row.append(h("div", { class: "actions" }, h("button", { type: "button", class: "quiet small", "aria-label": t("action.close"), onclick: () => row.remove() }, icon("cross"))));
        this.#load();
    }
}

/** A package of the shelf, or something of it. That for every architecture has `independent` for one. */
function addressOf({ id, architecture }, part = null, independent = "") {
    return api.path("/api/shelf/packages", [id, part].filter(Boolean), { architecture: architecture ?? independent });
}

/** Of texts in several languages the one to show. */
function inLanguage(texts) {
    const wanted = language();
    const known = Object.keys(texts);
    const tag = known.find((it) => it === wanted || it.startsWith(`${wanted}_`) || it.startsWith(`${wanted}-`)) ?? known.find((it) => it.startsWith("en")) ?? known[0];
    return tag ? texts[tag] : "";
}

const COMMAND = "storekeeper serve --package-server localhost:8020";

customElements.define("shelf-screen", ShelfScreen);
