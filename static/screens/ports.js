// Which app wants which port, and who holds it.

import * as api from "../api.js";
import { Part, fill, h, refill } from "../dom.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { failed, placeholder } from "../messages.js";
import { link } from "../router.js";
import { on } from "../store.js";
import { heading } from "./heading.js";
import { conflictWords, portLink } from "./installed.js";

class PortsScreen extends Part {
    #shown = "";

    build() {
        this.everybody = h("input", { type: "checkbox", onchange: () => this.#load() });
        this.place = h("div", {}, placeholder("loading", t("loading")));
        this.append(heading(t("nav.ports"), h("label", { class: "choice" }, this.everybody, t("ports.all"))), this.place);
        this.atEnd(on("status", () => this.#soon()));
        this.every(5000, () => this.#load());
    }

    #timer = 0;

    #soon() {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.isConnected && this.#load(), 300);
    }

    async #load() {
        try {
            const { ports } = await api.get(`/api/ports${this.everybody.checked ? "?all=true" : ""}`);
            const key = JSON.stringify(ports);
            if (!this.isConnected || this.#shown === key) return;
            this.#shown = key;
            refill(this.place, table(ports));
        } catch (error) {
            this.#shown = "";
            if (this.isConnected) fill(this.place, failed(error, () => this.#load()));
        }
    }
}

function table(ports) {
    if (ports.length === 0) return placeholder("empty", t("ports.empty"), t("ports.empty.text"), h("a", { class: "button", href: link("catalog") }, t("installed.tocatalog")));
    const cell = (name, ...content) => h("td", { data: { name } }, content);
    return h("table", {},
        h("thead", {}, h("tr", {}, ["port", "wanted", "held", "state"].map((name) => h("th", { scope: "col" }, t(`ports.${name}`))))),
        h("tbody", {}, ports.map((row) => h("tr", { class: row.conflict ? "conflicting" : "" },
            h("th", { scope: "row" }, row.heldBy.some((it) => it.proto === "TCP") ? portLink(row.port) : h("code", {}, `:${row.port}`)),
            cell(t("ports.wanted"), row.wantedBy.length === 0 && h("span", { class: "faint" }, "–"), row.wantedBy.map((it) => h("div", {},
                h("a", { href: link("app", it.app, "settings") }, it.app), it.key && h("code", { class: "key" }, it.key)))),
            cell(t("ports.held"), row.heldBy.length === 0 && h("span", { class: "faint" }, t("ports.free")), row.heldBy.map((it) => h("div", {},
                h("code", {}, it.name), h("span", { class: "faint" }, ` pid ${it.pid} · ${it.proto}`), it.app && [" ", h("a", { href: link("app", it.app) }, it.app)]))),
            cell(t("ports.state"), state(row))))));
}

function state(row) {
    if (!row.conflict) {
        const held = row.heldBy.length > 0;
        return h("span", { class: `badge ${held ? "good" : "faint"}` }, icon(held ? "running" : "absent"), h("span", {}, t(held ? "ports.inuse" : "ports.free")));
    }
    const wanter = row.wantedBy.findLast((it) => it.state !== "running") ?? row.wantedBy.at(-1);
    return [
        h("p", { class: "badge warn" }, icon("warning"), h("span", {}, conflictWords(row))),
        wanter?.key && row.conflict.suggestion && h("a", { class: "button small", href: link("app", wanter.app, "settings", { set: JSON.stringify({ [wanter.key]: row.conflict.suggestion }) }) },
            t("port.take", { app: wanter.app, port: row.conflict.suggestion })),
    ];
}

customElements.define("ports-screen", PortsScreen);
