// How an app is: its process, what it uses, how it ended last, and its own commands.

import * as api from "../api.js";
import { attempt, follow, job } from "../actions.js";
import { facts, section } from "../components/about.js";
import { openDialog } from "../components/confirm-dialog.js";
import { copyButton } from "../components/copy-button.js";
import { planSteps } from "../components/difference.js";
import { lineChart } from "../components/line-chart.js";
import { settingsForm } from "../components/settings-form.js";
import { Part, fill, h, show } from "../dom.js";
import { ago, bytes, moment, percent, reasonWords, span } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { failed, loadInto } from "../messages.js";
import { link } from "../router.js";
import { on } from "../store.js";
import { portLink, runs } from "./installed.js";

class AppOverview extends Part {
    #detail = null;

    build() {
        this.problem = h("div");
        this.facts = h("div");
        this.cpu = lineChart(t("chart.cpu"), percent, 5);
        this.memory = lineChart(t("chart.memory"), bytes, 1 << 20);
        this.charts = h("div", { class: "charts" }, this.cpu, this.memory);
        this.commands = h("div");
        this.append(this.problem, this.facts, section(t("overview.hour"), this.charts), this.commands);
        this.atEnd(on("status", (name) => { if (name === this.app) this.#load(); }));
        this.atEnd(on("list", () => this.#load()));
        this.every(5000, () => this.#load());
        this.every(10_000, () => this.#measure());
    }

    async #load() {
        try {
            this.#detail = await api.get(api.app(this.app));
        } catch (error) {
            if (this.isConnected && !this.#detail) fill(this.facts, failed(error, () => this.#load()));
            return;
        }
        this.changed();
    }

    async #measure() {
        const history = await api.get(`${api.app(this.app, "history")}?points=360`).catch(() => null);
        if (!history || !this.isConnected) return;
        this.cpu.show(history.cpu, history.interval, history.end);
        this.memory.show(history.memory, history.interval, history.end);
    }

    update() {
        const app = this.#detail;
        if (!app) return;
        const { status, usage } = app;
        this.#replace(this.problem, `${status.state} ${status.problem} ${status.lastExit?.at} ${app.error}`, () => trouble(app));
        const on = runs(app);
        const rows = [
            [t("overview.uptime"), on && status.startedAt ? t("overview.since", { span: span((Date.now() - status.startedAt) / 1000), at: moment(status.startedAt) }) : null],
            [t("overview.restarts"), status.restarts > 0 ? String(status.restarts) : null],
            [t("overview.exit"), status.lastExit ? `${reasonWords(status.lastExit.reason)} · ${ago(status.lastExit.at)}` : null],
            [t("overview.cpu"), usage ? percent(usage.cpu) : null],
            [t("overview.memory"), usage ? bytes(usage.memory) : null],
            [t("overview.ports"), usage && ports(usage, app.name)],
            [t("overview.processes"), usage && h("ul", { class: "plain" }, usage.processes.map((process) => h("li", {},
                h("code", {}, process.name), h("span", { class: "faint" }, ` pid ${process.pid} · ${percent(process.cpu)} · ${bytes(process.memory)}`))))],
            [t("overview.folder"), h("span", {}, h("code", { class: "path" }, app.dir), copyButton(app.dir))],
        ];
        this.#replace(this.facts, JSON.stringify([status, usage, app.dir, Math.floor(Date.now() / 5000)]), () => facts(rows));
        show(this.charts.parentElement, app.installed !== null);
        // What is run when it goes is no command of every day.
        const lists = app.installed === null ? [] : app.lists.filter((list) => list !== "uninstall");
        this.#replace(this.commands, lists.join(), () => lists.length > 0 && commands(app.name, lists));
    }

    #shown = new Map();

    /** Redraws only what differs, and not under somebody's fingers. */
    #replace(element, key, make) {
        if (this.#shown.get(element) === key) return;
        if (element.contains(document.activeElement) && element.hasChildNodes()) return;
        this.#shown.set(element, key);
        fill(element, make() || null);
    }
}

/** What is wrong with an app, and what helps. */
function trouble(app) {
    const { status, name } = app;
    if (app.error) return h("div", { class: "note bad" }, icon("warning"), h("div", {}, h("p", { class: "title" }, t("state.broken")), h("p", {}, app.error)));
    const bad = ["failed", "unhealthy", "backing-off"].includes(status.state);
    if (!bad) return null;
    const lines = status.lastExit?.lastLines ?? [];
    const findings = h("div");
    return h("div", { class: "note bad" }, icon("failed"), h("div", {},
        h("p", { class: "title" }, status.state === "backing-off" ? t("crash.text", { n: status.restarts, reason: reasonWords(status.lastExit?.reason) }) : t(`state.${status.state}`)),
        status.problem && h("p", {}, status.problem),
        lines.length > 0 && [h("p", { class: "faint" }, t("overview.lastlines")), h("pre", { tabindex: "0", "aria-label": t("overview.lastlines") }, lines.join("\n"))],
        findings,
        h("div", { class: "actions" },
            h("button", { type: "button", onclick: () => diagnose(name, findings) }, icon("search"), t("overview.why")),
            h("a", { class: "button", href: link("app", name, "logs") }, icon("jobs"), t("tab.logs")))));
}

/** Why is it not up? */
function diagnose(name, place) {
    loadInto(place, () => api.get(api.app(name, "doctor")), ({ findings }) => {
        const bad = findings.filter((finding) => finding.level !== "ok");
        if (bad.length === 0) return h("p", {}, t("overview.why.nothing"));
        return h("ul", { class: "findings" }, bad.map((finding) => h("li", { class: finding.level === "error" ? "bad" : "warn" },
            icon(finding.level === "error" ? "failed" : "warning"), h("div", {}, h("p", {}, finding.message), finding.help && h("p", { class: "faint" }, finding.help)))));
    });
}

function ports(usage, app) {
    if (usage.ports.length === 0) return null;
    return h("ul", { class: "plain" }, usage.ports.map((it) => h("li", {}, it.proto === "TCP" ? portLink(it.port) : h("code", {}, `:${it.port}`),
        h("span", { class: "faint" }, ` ${it.proto} · ${it.name} (pid ${it.pid}) · ${app}`))));
}

/** The app's own lists, each to be looked at before it is run. */
function commands(name, lists) {
    return section(t("overview.commands"), h("p", { class: "faint" }, t("overview.commands.text")),
        h("div", { class: "buttons" }, lists.map((list) => h("button", { type: "button", onclick: () => runList(name, list) }, icon("start"), h("code", {}, list)))));
}

/** Shows what a list would do, with the settings that it may use, and runs it. */
function runList(name, list) {
    const plan = h("div");
    const place = h("div");
    let fields = null;
    const run = h("button", { type: "button", class: "primary", onclick: async () => {
        const change = fields?.change ?? { set: {}, unset: [] };
        const some = Object.keys(change.set).length + change.unset.length > 0;
        dialog.close();
        if (!some) await job(api.app(name, "run", list));
        else {
            const answer = await attempt(() => api.patch(api.app(name, "config"), { ...change, run: list }));
            if (answer) await follow(answer.job);
        }
    } }, icon("start"), t("action.run"));
    const dialog = openDialog(t("overview.run", { list }), place, h("h3", {}, t("plan.will")), plan, h("div", { class: "actions" },
        h("button", { type: "button", onclick: () => dialog.close() }, t("action.cancel")), run));
    loadInto(plan, () => api.get(api.app(name, "plan", list)), planSteps);
    api.get(api.app(name, "form")).then((form) => {
        if (form.fields.length === 0 || !dialog.isConnected) return;
        fields = settingsForm({ name, form: { ...form, apply: list } });
        fields.addEventListener("looked", () => { if (fields.preview) fill(plan, planSteps(fields.preview.steps)); });
        fill(place, h("details", { class: "section" }, h("summary", {}, t("overview.run.settings")), fields));
    }).catch(() => null);
}

customElements.define("app-overview", AppOverview);

/** The overview of an app. */
export function appOverview(name) {
    return Object.assign(document.createElement("app-overview"), { app: name });
}
