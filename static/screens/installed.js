// The apps that are installed: their state, what they use, and what can be done with them.

import * as api from "../api.js";
import { attempt, follow, restart, rollback, start, stop, uninstall } from "../actions.js";
import { appIcon } from "../components/app-icon.js";
import { jobLine } from "../components/job-line.js";
import { sparkline } from "../components/line-chart.js";
import { menuButton } from "../components/menu-button.js";
import { searchField } from "../components/search-field.js";
import { stateBadge, stateOf } from "../components/state-badge.js";
import { Part, fill, h, keyed, setAttribute, setText, show, whenIdle } from "../dom.js";
import { bytes, percent, reasonWords, span } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { failed, placeholder } from "../messages.js";
import { link } from "../router.js";
import { said } from "../said.js";
import { activeJob, isCrashing, loadApps, on, store } from "../store.js";
import { heading } from "./heading.js";

const USAGE_EVERY = 4000;
const POINTS = 30;
const PORTS_SHOWN = 2;
/** The least height of a row, in pixels. */
const ROW = 57;
/** More would push the apps out of the window. */
const STRIPS = 4;

const RUNS = new Set(["starting", "running", "unhealthy", "backing-off"]);

/** Whether an app has a process, or will have one. */
export const runs = (app) => RUNS.has(app.status.state);

class InstalledScreen extends Part {
    #query = "";
    #usage = new Map();
    #history = {};
    #dirty = new Set();
    #ports = [];

    build() {
        this.rows = h("ul", { class: "rows apps" });
        this.trouble = h("ul", { class: "trouble" });
        this.note = h("div");
        this.waitingTitle = h("summary");
        this.waitingRows = h("ul", { class: "rows" });
        this.waiting = h("details", { class: "section", hidden: true }, this.waitingTitle, this.waitingRows);
        this.search = searchField(t("installed.search"), (text) => { this.#query = text; this.changed(); });
        this.startAll = h("button", { type: "button", onclick: () => this.#all("start") }, icon("start"), t("action.startall"));
        this.stopAll = h("button", { type: "button", onclick: () => this.#all("stop") }, icon("stop"), t("action.stopall"));
        this.append(heading(t("nav.installed"), this.search, this.startAll, this.stopAll), this.trouble, this.note, this.rows, this.waiting);
        this.atEnd(on("list", () => {
            if (!this.#drawn) whenIdle(() => this.#measure());
            whenIdle(() => this.#lookAtPorts());
            this.changed();
        }));
        this.atEnd(on("status", (name) => this.#touched(name)));
        this.atEnd(on("jobs", (record) => {
            if (!record) this.changed();
            else for (const name of new Set([record.app, record.found ?? record.app])) this.#touched(name);
        }));
        // Rows outside the window are changed when they are seen, and made when there is time.
        this.seen = new IntersectionObserver((entries) => {
            for (const { target, isIntersecting } of entries) {
                target.inWindow = isIntersecting;
                if (isIntersecting) target.show(this.#facts(target.name));
            }
        }, { rootMargin: "300px" });
        this.atEnd(() => this.seen.disconnect());
        // The service looks at every process for these.
        whenIdle(() => {
            if (!this.isConnected) return;
            this.every(USAGE_EVERY, () => this.#measure());
            this.every(30_000, () => this.#lookAtPorts());
        });
    }

    #touched(name) {
        this.#dirty.add(name);
        this.changed();
    }

    update() {
        if (this.#dirty.size > 0 && this.#drawn === store.apps) {
            for (const name of this.#dirty) this.#row(name)?.refresh(this.#facts(name));
            this.#dirty.clear();
            this.#showTrouble();
            return;
        }
        this.#dirty.clear();
        const isFirst = !this.#drawn;
        this.#drawn = store.loaded ? store.apps : null;
        const apps = [...store.apps.values()].filter((app) => app.installed !== null || app.error);
        // Nobody sees more in the first picture, and it waits for no more.
        let first = Math.ceil(innerHeight / ROW);
        const wanted = apps.filter((app) => fits(app, this.#query));
        const now = isFirst ? wanted.slice(0, first) : wanted;
        if (now.length < wanted.length) whenIdle(() => this.changed());
        keyed(this.rows, now, (app) => app.name, (app) => {
            const row = new AppRow();
            row.name = app.name;
            this.seen.observe(row);
            return row;
        }, (row, app) => {
            if (row.isMade || (first -= 1) >= 0) row.refresh(this.#facts(app.name));
        });
        this.#makeRest();
        show(this.startAll, apps.length > 1);
        show(this.stopAll, apps.length > 1);
        show(this.search, apps.length > 5);
        this.#showNote(apps, wanted);
        this.#showTrouble();
        this.#showWaiting();
    }

    /** Folders of apps that are in place and were never installed, or are no longer. */
    #showWaiting() {
        const waiting = [...store.apps.values()].filter((app) => app.installed === null && !app.error);
        show(this.waiting, waiting.length > 0);
        setText(this.waitingTitle, t("installed.waiting", { n: waiting.length }));
        keyed(this.waitingRows, waiting, (app) => app.name, waitingRow);
    }

    /** The rows that nobody sees yet: each needs its place in the order of Tab. */
    #makeRest() {
        const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 50, { timeRemaining: () => 5 }));
        if (this.#making || ![...this.rows.children].some((row) => !row.isMade)) return;
        this.#making = true;
        idle((time) => {
            this.#making = false;
            for (const row of this.rows.children) {
                if (row.isMade) continue;
                if (time.timeRemaining() < 1) break;
                row.show(this.#facts(row.name));
            }
            if (this.isConnected) this.#makeRest();
        });
    }

    #making = false;
    #drawn = null;

    #row(name) {
        return this.rows.keyedChildren?.get(name);
    }

    #facts(name) {
        return { app: store.apps.get(name), usage: this.#usage.get(name), history: this.#history[name], job: activeJob(name) };
    }

    #showNote(apps, wanted) {
        const kind = store.error ? `error ${store.error.message}` : !store.loaded ? "loading" : apps.length === 0 ? "empty" : wanted.length === 0 ? `none ${this.#query}` : "";
        if (this.#note === kind) return;
        this.#note = kind;
        if (store.error && !store.loaded) fill(this.note, failed(store.error, loadApps));
        else if (kind === "loading") fill(this.note, placeholder("loading", t("loading")));
        else if (kind === "empty") {
            fill(this.note, placeholder("empty", t("installed.empty"), t("installed.empty.text"),
                h("a", { class: "button primary", href: link("catalog") }, icon("catalog"), t("installed.tocatalog"))));
        } else if (kind) {
            fill(this.note, placeholder("empty", t("search.none", { query: this.#query }), "", h("button", { type: "button", onclick: () => {
                this.search.input.value = "";
                this.#query = "";
                this.changed();
            } }, t("search.clear"))));
        } else fill(this.note);
    }

    #note = null;

    /** Crash loops and ports that two want. */
    #showTrouble() {
        const crashing = [...store.apps.values()].filter(isCrashing).map((app) => ({ key: `crash ${app.name}`, app }));
        const ports = this.#ports.filter((row) => row.conflict).map((row) => ({ key: `port ${row.port}`, row }));
        const all = [...crashing, ...ports];
        const strips = all.slice(0, STRIPS);
        if (all.length > STRIPS) strips.push({ key: `more ${all.length}`, more: all.length - STRIPS });
        keyed(this.trouble, strips, ({ key }) => key, ({ app, row, more }) => (app ? crashStrip(app.name) : row ? portStrip(row) : moreStrip(more)),
            (element, { app }) => { if (app) element.show(app); });
        show(this.trouble, all.length > 0);
    }

    async #lookAtPorts() {
        if (!store.loaded || !this.isConnected) return;
        try {
            this.#ports = (await api.get("/api/ports")).ports.map(amongInstalled);
        } catch {
            this.#ports = [];
        }
        if (this.isConnected) this.#showTrouble();
    }

    async #measure() {
        if (!this.isConnected) return;
        if (!store.loaded || ![...store.apps.values()].some(runs)) {
            if (this.#usage.size === 0) return;
            this.#usage.clear();
        } else {
            const [apps, history] = await Promise.all([
                api.get("/api/apps?usage=true").catch(() => null),
                api.get(`/api/history?points=${POINTS}`).catch(() => null),
            ]);
            if (!apps) return;
            this.#usage = new Map(apps.filter((app) => app.usage).map((app) => [app.name, app.usage]));
            this.#history = history?.apps ?? {};
        }
        for (const row of this.rows.children) if (row.inWindow) row.show(this.#facts(row.name));
    }

    async #all(what) {
        const apps = [...store.apps.values()].filter((app) => app.installed !== null && !app.error && app.hasStart && runs(app) === (what === "stop"));
        await Promise.all(apps.map(async (app) => {
            const answer = await attempt(() => api.post(api.app(app.name, what)));
            if (answer) await follow(answer.job);
        }));
    }
}

function waitingRow({ name, icon: picture, version, desc }) {
    return h("li", {}, appIcon(picture),
        h("div", { class: "what" }, h("div", { class: "title" }, h("a", { href: link("app", name, "about") }, name), h("span", { class: "version" }, version)), h("span", { class: "desc" }, desc)),
        h("a", { class: "button", href: link("install", name), "aria-label": t("action.install.app", { name }) }, icon("download"), t("action.install")));
}

function fits(app, query) {
    const text = `${app.name} ${app.desc}`.toLowerCase();
    return query.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** An app that ends again and again: why, and how to end that. */
function crashStrip(name) {
    const text = h("span");
    const strip = h("li", { class: "strip bad" }, icon("restart"), h("div", {}, h("strong", {}, t("crash.title", { name })), " ", text),
        h("div", { class: "actions" },
            h("a", { class: "button small", href: link("app", name, "logs") }, t("tab.logs")),
            h("button", { type: "button", class: "small", onclick: () => stop(name) }, icon("stop"), t("action.stop"))));
    strip.show = ({ status }) => setText(text, t("crash.text", { n: status.restarts, reason: reasonWords(status.lastExit?.reason) }));
    return strip;
}

/** What is not installed wants nothing yet. */
function amongInstalled(row) {
    const wantedBy = row.wantedBy.filter((it) => store.apps.get(it.app)?.installed);
    const others = wantedBy.filter((it) => it.app !== row.heldBy[0]?.app);
    const stands = row.conflict?.kind === "both-want" ? wantedBy.length > 1 : others.length > 0;
    return { ...row, wantedBy, conflict: stands ? row.conflict : null };
}

function moreStrip(more) {
    return h("li", { class: "strip warn" }, icon("warning"), h("div", {}, h("a", { href: link("ports") }, t("trouble.more", { n: more }))));
}

/** A port that is wanted and not to be had. */
export function portStrip(row) {
    const { conflict, wantedBy } = row;
    const wanter = wantedBy.findLast((it) => it.state !== "running") ?? wantedBy.at(-1);
    return h("li", { class: "strip warn" }, icon("ports"), h("div", {}, h("strong", {}, t("port.conflict", { port: row.port })), " ", conflictWords(row)),
        h("div", { class: "actions" }, wanter?.key && conflict.suggestion && h("a", {
            class: "button small", href: link("app", wanter.app, "settings", { set: JSON.stringify({ [wanter.key]: conflict.suggestion }) }),
        }, t("port.take", { app: wanter.app, port: conflict.suggestion }))));
}

/** Who stands against whom, in the language of the page. */
export function conflictWords({ conflict, wantedBy, heldBy }) {
    const apps = wantedBy.map((it) => it.app).join(t("list.comma"));
    const holder = heldBy[0];
    if (conflict.kind === "both-want") return t("port.both", { apps });
    if (holder?.app) return t("port.other", { apps: wantedBy.filter((it) => it.app !== holder.app).map((it) => it.app).join(t("list.comma")), holder: holder.app });
    if (holder) return t("port.foreign", { apps, name: holder.name, pid: holder.pid });
    return said(conflict.message);
}

/** One app in the list. */
class AppRow extends HTMLElement {
    /** Whether it has its parts. */
    isMade = false;
    #icon = null;

    connectedCallback() {
        this.setAttribute("role", "listitem");
    }

    /** What is outside the window is shown when it comes in. */
    refresh(facts) {
        if (this.inWindow !== false || !this.isMade) this.show(facts);
    }

    #make(app) {
        this.isMade = true;
        const name = this.name;
        this.picture = appIcon(app.icon);
        this.#icon = app.icon;
        this.version = h("span", { class: "version" });
        this.desc = h("span", { class: "desc" });
        this.badge = stateBadge();
        this.since = h("span", { class: "since" });
        this.problem = h("p", { class: "problem bad", hidden: true });
        this.ports = h("span", { class: "row-ports" });
        this.cpu = h("span", { class: "number" });
        this.memory = h("span", { class: "number" });
        this.line = sparkline(5);
        this.usage = h("div", { class: "usage" }, this.line, h("span", { class: "numbers" }, this.cpu, this.memory));
        this.power = h("button", { type: "button", class: "power" }, icon("start"), h("span", { class: "label" }));
        this.power.addEventListener("click", () => (this.power.dataset.does === "stop" ? stop(name) : start(name)));
        this.open = h("a", { class: "button open", target: "_blank", rel: "noopener", hidden: true }, icon("open"), h("span", { class: "label" }, t("action.open")));
        this.job = jobLine(t("job.progress"));
        this.job.hidden = true;
        this.append(
            this.picture,
            h("div", { class: "what" }, h("div", { class: "title" }, h("a", { href: link("app", name) }, name), this.version), this.desc, this.problem, this.job),
            h("div", { class: "state" }, this.badge, this.since),
            this.ports, this.usage,
            h("div", { class: "actions" }, this.open, this.power, menuButton(t("app.more", { name }), () => appMenu(store.apps.get(name)))));
    }

    show({ app, usage, history, job }) {
        if (!app) return;
        if (!this.isMade) this.#make(app);
        if (this.#icon !== app.icon) {
            this.#icon = app.icon;
            this.picture.src = app.icon;
        }
        const { status } = app;
        const on = runs(app);
        setText(this.version, app.installed ?? app.version);
        setText(this.desc, app.desc);
        this.badge.show(stateOf(app));
        setText(this.since, status.state === "running" && !isCrashing(app) && status.startedAt ? span((Date.now() - status.startedAt) / 1000) : "");
        const problem = app.error ?? (status.state === "failed" || status.state === "unhealthy" ? status.problem ?? reasonWords(status.lastExit?.reason) : "");
        setText(this.problem, problem ?? "");
        show(this.problem, Boolean(problem));
        this.#showPorts(on ? usage?.ports ?? [] : [], app);
        show(this.usage, on && Boolean(usage));
        if (on && usage) {
            setText(this.cpu, percent(usage.cpu));
            setText(this.memory, bytes(usage.memory));
            if (history) this.line.show(history.cpu);
        }
        const does = on ? "stop" : "start";
        if (this.power.dataset.does !== does) {
            this.power.dataset.does = does;
            this.power.replaceChild(icon(does), this.power.firstChild);
            setText(this.power.lastChild, t(`action.${does}`));
            setAttribute(this.power, "aria-label", t(`action.${does}.app`, { name: app.name }));
        }
        show(this.power, !app.error && app.hasStart !== false);
        // It stays where it is, so that the focus does.
        setAttribute(this.power, "aria-disabled", status.state === "stopping" ? "true" : null);
        const address = pageOf(app, usage);
        show(this.open, Boolean(address) && on);
        if (address) {
            setAttribute(this.open, "href", address);
            setAttribute(this.open, "aria-label", t("action.open.app", { name: app.name }));
        }
        show(this.job, Boolean(job) && job.kind !== "start" && job.kind !== "stop");
        if (job) this.job.showJob(job);
    }

    #showPorts(ports, app) {
        const numbers = [...new Set(ports.filter((it) => it.proto === "TCP").map((it) => it.port))];
        const key = numbers.join();
        if (this.#ports === key) return;
        this.#ports = key;
        fill(this.ports, numbers.slice(0, PORTS_SHOWN).map((port) => portLink(port)),
            numbers.length > PORTS_SHOWN && h("a", { href: link("app", app.name) }, `+${numbers.length - PORTS_SHOWN}`));
    }

    #ports = "";
}

customElements.define("app-row", AppRow);

/** A port: a click opens what answers there. */
export function portLink(port) {
    return h("a", { class: "port", href: `http://localhost:${port}/`, target: "_blank", rel: "noopener", "aria-label": t("port.open", { port }), title: t("port.open", { port }) }, `:${port}`);
}

/** The address at which an app shows itself, if it says one. */
export function pageOf(app) {
    return /^https?:\/\//.test(app.webUrl) ? app.webUrl : null;
}

/** Everything else that can be done with an app. */
export function appMenu(app) {
    const { name } = app;
    const on = runs(app);
    const fine = !app.error;
    return [
        fine && on && app.hasRestart !== false && { text: t("action.restart"), icon: "restart", run: () => restart(name) },
        { text: t("tab.settings"), icon: "settings", href: link("app", name, "settings") },
        { text: t("tab.logs"), icon: "jobs", href: link("app", name, "logs") },
        null,
        fine && { text: app.pinned ? t("action.unpin") : t("action.pin"), icon: "lock", run: () => attempt(() => api.patch(api.app(name, "offers"), { pinned: !app.pinned })) },
        Boolean(app.previous) && { text: t("action.rollback.to", { version: app.previous.version }), icon: "undo", run: () => rollback(name, app.previous) },
        { text: t("action.uninstall"), icon: "trash", bad: true, run: () => uninstall(name) },
    ].filter((entry) => entry !== false);
}


customElements.define("installed-screen", InstalledScreen);
