// What an app is: its description, versions, dependencies, and what it does on this computer.

import * as api from "../api.js";
import { job } from "../actions.js";
import { boot } from "../boot.js";
import { aboutOffer, dependencies, effects, facts, section, versions } from "../components/about.js";
import { Part, fill, h } from "../dom.js";
import { moment } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { loadInto } from "../messages.js";
import { categoryName } from "./catalog.js";

class AppAbout extends Part {
    build() {
        const { app: name } = this;
        loadInto(this, async () => {
            const [app, found, offer] = await Promise.all([
                api.get(api.app(name)),
                api.get(api.app(name, "effects")).catch(() => null),
                api.offer(name).catch(() => null),
            ]);
            return { app, found, offer };
        }, ({ app, found, offer }) => [
            h("p", {}, app.desc),
            facts([
                [t("about.version"), app.installed ?? app.version],
                [t("about.category"), app.category && categoryName(app.category)],
                [t("about.installed"), app.installedAt && moment(app.installedAt)],
                [t("about.from"), origin(app)],
                [t("about.previous"), app.previous?.version],
            ]),
            app.isDev && h("p", { class: "integrity faint" }, icon("folder"), t("about.dev")),
            !offer && dependencies((app.manifest.dependencies ?? []).map((it) => ({ name: it.name, version: it.value ?? "", installed: null, available: true }))),
            found && effects(found),
            offer ? aboutOffer(offer) : versions([{ version: app.version, notes: app.manifest.notes, size: 0 }, ...app.manifest.history ?? []], app.version),
            section(t("about.export"), h("p", { class: "faint" }, t("about.export.text")), exportForm(name)),
        ]);
    }
}

/** Where its program came from. */
function origin({ origin: from, isDev }) {
    if (!from) return isDev ? t("about.from.dev") : t("about.from.hand");
    if (from.catalog) return t("about.from.catalog", { name: from.catalog });
    return h("code", { class: "path" }, from.path ?? from.name ?? from.url ?? from.pkg ?? "");
}

/** Everything of an app in one file, for another computer. */
function exportForm(name) {
    const file = h("input", { id: "export-file", type: "text", required: true, value: `${boot.home ?? ""}/${name}.export.zip`, spellcheck: "false", autocomplete: "off", class: "path" });
    const place = h("span", { class: "faint", role: "status" });
    return h("form", { class: "line-form", onsubmit: async (event) => {
        event.preventDefault();
        fill(place, t("working"));
        const record = await job(api.app(name, "export"), { file: file.value });
        fill(place, record?.state === "succeeded" ? t("about.exported", { file: file.value }) : "");
    } }, h("label", { for: "export-file" }, t("about.export.to")), file, h("button", {}, icon("download"), t("about.export")), place);
}

customElements.define("app-about", AppAbout);

/** What is to be known of an app. */
export function appAbout(name) {
    return Object.assign(document.createElement("app-about"), { app: name });
}
