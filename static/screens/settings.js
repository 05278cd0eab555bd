// The page's and the service's own settings, and who may use the store.

import * as api from "../api.js";
import { attempt } from "../actions.js";
import { boot } from "../boot.js";
import { facts, section } from "../components/about.js";
import { copyButton } from "../components/copy-button.js";
import { Part, fill, h, refill } from "../dom.js";
import { ago, span } from "../format.js";
import { icon } from "../icons.js";
import { browserLanguage, t, useLanguage } from "../i18n.js";
import { loadInto, tell } from "../messages.js";
import { loadOrigins, on, store } from "../store.js";
import { useTheme } from "../theme.js";
import { heading } from "./heading.js";

class SettingsScreen extends Part {
    build() {
        this.place = h("div");
        this.origins = h("div");
        this.append(heading(t("nav.settings")), this.place, section(t("origins"), h("p", { class: "faint" }, t("origins.text")), this.origins), this.#about());
        this.atEnd(on("origins", () => this.#showOrigins()));
        loadInto(this.place, () => api.get("/api/settings"), (settings) => this.#form(settings));
        // Who was turned away before is not told of by an event each time.
        this.every(3000, loadOrigins);
    }

    #form(settings) {
        const change = (body) => attempt(() => api.patch("/api/settings", body));
        const row = (label, control, text = "") => {
            control.id ||= `setting-${label.replaceAll(/\W/g, "")}-${Math.random().toString(36).slice(2, 7)}`;
            return h("div", { class: "field" }, h("label", { for: control.id }, label), h("div", { class: "control" }, control), text && h("p", { class: "description" }, text));
        };
        const select = (values, chosen, changed) => {
            const element = h("select", { onchange: () => changed(element.value || null) },
                values.map(([value, text]) => h("option", { value, selected: value === (chosen ?? "") }, text)));
            return element;
        };
        const language = select([["", t("setting.browser")], ["zh", "中文"], ["en", "English"]], settings.language, async (value) => {
            if (await change({ language: value })) useLanguage(value ?? browserLanguage());
        });
        const theme = select([["", t("setting.system")], ["light", t("setting.light")], ["dark", t("setting.dark")]], settings.theme, async (value) => {
            if (await change({ theme: value })) useTheme(value ?? "auto");
        });
        const autostart = h("input", { type: "checkbox", role: "switch", checked: settings.autostart?.enabled, disabled: !settings.autostart?.possible, onchange: async () => {
            if (!await change({ autostart: autostart.checked })) autostart.checked = !autostart.checked;
        } });
        const proxy = h("input", { type: "text", value: settings.proxy ?? "", placeholder: "http://proxy:3128", autocomplete: "off", spellcheck: "false", class: "path", onchange: async () => {
            const saved = await change({ proxy: proxy.value.trim() || null });
            if (!saved) return;
            proxy.value = saved.proxy ?? "";
            tell(t("setting.saved"), { kind: "good" });
        } });
        return section(t("setting.general"), h("div", { class: "fields" },
            row(t("setting.language"), language),
            row(t("setting.theme"), theme),
            row(t("setting.autostart"), autostart, settings.autostart?.how ?? ""),
            row(t("setting.notices"), notifications(), t("setting.notices.text")),
            row(t("setting.proxy"), proxy, t("setting.proxy.text"))));
    }

    #showOrigins() {
        const found = store.origins;
        if (!found || !this.isConnected) return;
        const allow = (origin, how) => attempt(async () => {
            await api.post("/api/origins", { origin, allow: how });
            await loadOrigins();
        });
        const revoke = (origin) => attempt(async () => {
            await api.remove(api.path("/api/origins", [], { origin }));
            await loadOrigins();
        });
        const row = (origin, look, words, ...actions) => h("li", {}, h("div", { class: "what" }, h("code", {}, origin)),
            h("span", { class: `badge ${look}` }, icon(look === "bad" ? "failed" : look === "good" ? "check" : "lock"), h("span", {}, words)), h("div", { class: "actions" }, actions));
        const button = (text, run, origin) => h("button", { type: "button", class: "small", "aria-label": `${text}: ${origin}`, onclick: run }, text);
        refill(this.origins, h("ul", { class: "rows origins" },
            found.refused.map(({ origin, last, count }) => row(origin, "warn", t("origins.refused", { n: count, ago: ago(last) }),
                ["once", "always", "block"].map((how) => button(t(`pairing.${how}`), () => allow(origin, how), origin)))),
            found.paired.map(({ origin, allow: how }) => row(origin, how === "block" ? "bad" : "good", t(`origins.${how}`), button(t("origins.revoke"), () => revoke(origin), origin))),
            found.configured.map((origin) => row(origin, "good", t("origins.configured"))),
            found.desktops.map((origin) => row(origin, "good", t("origins.desktop")))));
    }

    #about() {
        const place = h("div");
        const draw = (status) => fill(place, facts([
            [t("version"), status.version],
            [t("setting.home"), h("span", {}, h("code", { class: "path" }, status.home), copyButton(status.home))],
            [t("setting.uptime"), span(status.uptime)],
            ["pid", String(status.pid)],
            ["API", h("a", { href: "/api/openapi.json", target: "_blank" }, "/api/openapi.json")],
        ]));
        if (boot.version) draw({ ...boot, uptime: 0 });
        this.every(30_000, async () => draw(await api.get("/api/status")));
        return section(t("setting.about"), place);
    }
}

/** Notices outside the page, if the browser and the user let us. */
function notifications() {
    const place = h("button", { type: "button" });
    const draw = () => {
        const state = "Notification" in window ? Notification.permission : "denied";
        fill(place, icon("bell"), t(`setting.notices.${state}`));
        place.disabled = state !== "default";
    };
    place.addEventListener("click", async () => {
        await Notification.requestPermission();
        draw();
    });
    draw();
    return place;
}

customElements.define("settings-screen", SettingsScreen);
