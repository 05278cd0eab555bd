// The catalogs: where apps come from, when they were last read, and what went wrong.

import * as api from "../api.js";
import { attempt } from "../actions.js";
import { section } from "../components/about.js";
import { confirm } from "../components/confirm-dialog.js";
import { Part, fill, h, refill, setAttribute } from "../dom.js";
import { ago, count } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { failed, placeholder, tell } from "../messages.js";
import { said } from "../said.js";
import { on } from "../store.js";
import { heading } from "./heading.js";

class SourcesScreen extends Part {
    build() {
        this.place = h("div", { "aria-live": "polite" }, placeholder("loading", t("loading")));
        const address = h("input", { id: "source-address", type: "text", required: true, placeholder: "https://example.org/store", autocomplete: "off", spellcheck: "false" });
        const name = h("input", { id: "source-name", type: "text", autocomplete: "off", spellcheck: "false", placeholder: t("sources.name.auto") });
        const button = h("button", { class: "primary" }, icon("plus"), t("sources.add"));
        const form = h("form", { class: "line-form", onsubmit: async (event) => {
            event.preventDefault();
            setAttribute(button, "disabled", true);
            const answer = await attempt(() => api.post("/api/catalogs", { address: address.value.trim(), name: name.value.trim() }));
            setAttribute(button, "disabled", null);
            if (!answer) return;
            if (answer.message) tell(said(answer.message), { kind: "bad" });
            form.reset();
            this.#load();
        } },
        h("label", { for: "source-address" }, t("sources.address")), address,
        h("label", { for: "source-name" }, t("sources.name")), name, button);
        this.append(
            heading(t("nav.sources"), h("button", { type: "button", onclick: () => this.#refresh("") }, icon("restart"), t("sources.refresh"))),
            this.place, section(t("sources.add"), h("p", { class: "faint" }, t("sources.add.text")), form));
        this.atEnd(on("catalogs", () => this.#load()));
        this.every(60_000, () => this.#load());
    }

    async #load() {
        try {
            const list = await api.get("/api/catalogs");
            if (this.isConnected) refill(this.place, this.#list(list));
        } catch (error) {
            if (this.isConnected) fill(this.place, failed(error, () => this.#load()));
        }
    }

    #list(catalogs) {
        if (catalogs.length === 0) return placeholder("empty", t("catalog.nowhere"), t("catalog.nowhere.text"));
        return h("ul", { class: "rows sources" }, catalogs.map((catalog) => {
            const apps = Object.values(catalog.entries).reduce((sum, number) => sum + number, 0);
            return h("li", {},
                h("div", { class: "what" },
                    h("div", { class: "title" }, h("strong", {}, catalog.name)),
                    h("code", { class: "path" }, catalog.address),
                    catalog.error && h("p", { class: "bad" }, icon("warning"), h("span", {}, said(catalog.error.message))),
                    catalog.problems.length > 0 && h("details", {}, h("summary", {}, t("sources.problems", { n: catalog.problems.length })), h("ul", {}, catalog.problems.map((text) => h("li", {}, text))))),
                h("div", { class: "faint" }, h("div", {}, t("sources.apps", { n: apps, count: count(apps) })),
                    h("div", {}, catalog.syncedAt ? t("sources.synced", { ago: ago(catalog.syncedAt) }) : t("sources.never"))),
                h("div", { class: "actions" },
                    h("button", { type: "button", "aria-label": t("sources.refresh.one", { name: catalog.name }), title: t("sources.refresh.one", { name: catalog.name }), onclick: () => this.#refresh(catalog.name) }, icon("restart")),
                    h("button", { type: "button", "aria-label": t("sources.remove", { name: catalog.name }), title: t("sources.remove", { name: catalog.name }), onclick: () => this.#remove(catalog.name) }, icon("trash"))));
        }));
    }

    async #refresh(name) {
        await attempt(() => api.post(name ? api.path("/api/catalogs", [name, "refresh"]) : "/api/catalogs/refresh"));
        this.#load();
    }

    async #remove(name) {
        if (!await confirm({ title: t("sources.remove", { name }), text: t("sources.remove.text"), confirm: t("action.remove"), bad: true })) return;
        await attempt(() => api.remove(api.path("/api/catalogs", [name])));
        this.#load();
    }
}

customElements.define("sources-screen", SourcesScreen);
