// What uninstalled apps left: it can come back, or go for good.

import * as api from "../api.js";
import { attempt, job } from "../actions.js";
import { confirm } from "../components/confirm-dialog.js";
import { Part, fill, h, refill, show } from "../dom.js";
import { ago, bytes } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { failed, placeholder, tell } from "../messages.js";
import { on } from "../store.js";
import { heading } from "./heading.js";

class TrashScreen extends Part {
    build() {
        this.empty = h("button", { type: "button", class: "danger", hidden: true, onclick: () => this.#remove(null) }, icon("trash"), t("trash.all"));
        this.place = h("div", { "aria-live": "polite" }, placeholder("loading", t("loading")));
        this.append(heading(t("nav.trash"), this.empty), this.place);
        this.atEnd(on("list", () => this.#load()));
        this.#load();
    }

    async #load() {
        try {
            const entries = await api.get("/api/trash");
            if (!this.isConnected) return;
            show(this.empty, entries.length > 0);
            refill(this.place, entries.length === 0 ? placeholder("empty", t("trash.empty"), t("trash.empty.text"), h("a", { class: "button", href: "#/" }, t("nav.installed")))
                : h("ul", { class: "rows trash" }, entries.toReversed().map((entry) => this.#row(entry))));
        } catch (error) {
            if (this.isConnected) fill(this.place, failed(error, () => this.#load()));
        }
    }

    #row(entry) {
        const named = { name: entry.app };
        return h("li", {},
            h("div", { class: "what" }, h("div", { class: "title" }, h("strong", {}, entry.app), h("span", { class: "version" }, entry.version)),
                h("span", { class: "desc" }, entry.canBeRestored ? t("trash.whole") : t("trash.data"))),
            h("div", { class: "faint" }, h("div", {}, bytes(entry.bytes)), h("div", {}, ago(entry.at))),
            h("div", { class: "actions" },
                entry.canBeRestored && h("button", { type: "button", "aria-label": t("trash.restore.app", named), onclick: () => this.#restore(entry) }, icon("undo"), t("trash.restore")),
                h("button", { type: "button", "aria-label": t("trash.delete.app", named), title: t("trash.delete.app", named), onclick: () => this.#remove(entry) }, icon("trash"))));
    }

    async #restore(entry) {
        const record = await job(api.path("/api/trash", [entry.id, "restore"]));
        if (record?.state === "succeeded") tell(t("trash.restored", { name: entry.app }), { kind: "good" });
        this.#load();
    }

    async #remove(entry) {
        const title = entry ? t("trash.delete.app", { name: entry.app }) : t("trash.all");
        if (!await confirm({ title, text: t("trash.delete.text"), confirm: t("trash.delete"), bad: true })) return;
        const removed = await attempt(() => api.remove(entry ? api.path("/api/trash", [entry.id]) : "/api/trash"));
        if (removed) tell(t("trash.deleted", { bytes: bytes(removed.bytes) }), { kind: "good" });
        this.#load();
    }
}

customElements.define("trash-screen", TrashScreen);
