// An app's settings: its own page in a frame, or a form made from its config. What was applied is
// watched until the app is ready again; if it is not, the settings that worked can come back.

import * as api from "../api.js";
import { attempt, follow } from "../actions.js";
import { jobLine } from "../components/job-line.js";
import { settingsForm } from "../components/settings-form.js";
import { Part, fill, h, setAttribute, show } from "../dom.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { failed, placeholder } from "../messages.js";
import { link, place, replaceQuery } from "../router.js";
import { said } from "../said.js";
import { hasEnded, on, store } from "../store.js";
import { runs } from "./installed.js";

/** Kinds of jobs after which an app may be different. */
const APPLIES = new Set(["setting", "restart", "start"]);

class AppSettings extends Part {
    #form = null;
    #watched = null;

    build() {
        this.outcome = h("div", { class: "outcome", role: "status" });
        this.line = jobLine(t("job.progress"));
        this.line.hidden = true;
        this.choice = h("div", { class: "segments", role: "group", "aria-label": t("settings.view"), hidden: true });
        this.place = h("div", {}, placeholder("loading", t("loading")));
        this.append(this.choice, this.line, this.outcome, this.place);
        this.atEnd(on("jobs", (job) => {
            // Also what the app's own page asked for.
            if (job?.app === this.app && APPLIES.has(job.kind)) this.#watch(job);
        }));
        this.atEnd(on("status", (name) => { if (name === this.app) this.changed(); }));
        this.#load();
    }

    async #load() {
        let form;
        try {
            form = await api.get(api.app(this.app, "form"));
        } catch (error) {
            if (this.isConnected) fill(this.place, failed(error, () => this.#load()));
            return;
        }
        if (!this.isConnected) return;
        this.#form = form;
        const { query } = place();
        const values = parse(query.get("set"));
        if (values) replaceQuery({ view: "form" });
        const both = form.page && form.fields.length > 0;
        show(this.choice, Boolean(both));
        if (both) {
            fill(this.choice, ["page", "form"].map((view) => h("button", { type: "button", data: { view }, onclick: () => {
                replaceQuery(view === "form" ? { view } : {});
                this.#show(view);
            } }, t(`settings.view.${view}`))));
        }
        this.#show(values || query.get("view") === "form" || !form.page ? "form" : "page", values);
    }

    #show(view, values = null) {
        this.view = view;
        for (const button of this.choice.children) setAttribute(button, "aria-pressed", String(button.dataset.view === view));
        if (view === "page") fill(this.place, this.#frame());
        else if (this.#form.fields.length === 0) {
            fill(this.place, placeholder("empty", t("settings.none"), t("settings.none.text"), h("a", { class: "button", href: link("app", this.app) }, t("tab.overview"))));
        } else fill(this.place, this.#fields(values));
    }

    /** The app's own page, as it is; the frame is as high as what is in it. */
    #frame() {
        const frame = h("iframe", { class: "own-page", title: t("settings.page.title", { name: this.app }), src: this.#form.page });
        frame.addEventListener("load", () => {
            const page = frame.contentDocument?.documentElement;
            if (!page) return;
            const fit = () => {
                const body = frame.contentDocument?.body;
                if (body) frame.style.height = `${Math.max(240, body.scrollHeight + 8)}px`;
            };
            new frame.contentWindow.ResizeObserver(fit).observe(frame.contentDocument.body);
            fit();
        });
        return frame;
    }

    #fields(values) {
        const app = store.apps.get(this.app);
        const fields = settingsForm({ name: this.app, form: this.#form, values });
        const apply = h("button", { class: "primary", disabled: true }, icon("check"), h("span", {}, t("settings.apply")));
        const undo = h("button", { type: "button", disabled: true, onclick: () => this.#show("form") }, icon("undo"), t("settings.discard"));
        const check = () => {
            const changed = fields.isChanged;
            setAttribute(apply, "disabled", !changed || !fields.isGood);
            setAttribute(undo, "disabled", !changed);
        };
        fields.addEventListener("edited", check);
        fields.addEventListener("looked", check);
        const element = h("form", { class: "settings", novalidate: true, onsubmit: async (event) => {
            event.preventDefault();
            await this.#apply(fields, apply);
        } }, fields, h("div", { class: "actions sticky" }, apply, undo,
            h("span", { class: "faint" }, app && runs(app) && !this.#form.apply ? t("settings.restarts") : "")));
        return [this.#lastWorking(), element];
    }

    async #apply(fields, button) {
        const preview = await fields.look();
        if (preview && !preview.ok) {
            fields.querySelector("[aria-invalid=true]")?.focus();
            return;
        }
        setAttribute(button, "disabled", true);
        const { apply } = this.#form;
        const answer = await attempt(() => api.patch(api.app(this.app, "config"), { ...fields.change, ...(apply ? { run: apply } : { restart: true }) }));
        if (!answer) {
            setAttribute(button, "disabled", null);
            return;
        }
        const record = await follow(answer.job);
        if (record?.state === "succeeded" && this.isConnected) await this.#load();
        else setAttribute(button, "disabled", null);
    }

    #watch(job) {
        this.#watched = job;
        this.changed();
    }

    update() {
        const job = this.#watched;
        if (!job) return;
        const working = !hasEnded(job);
        show(this.line, working);
        if (working) this.line.showJob(job);
        const app = store.apps.get(this.app);
        const state = app?.status.state ?? "stopped";
        const bad = !working && (job.state === "failed" || ["failed", "unhealthy", "backing-off"].includes(state));
        const kind = working ? "" : bad ? "bad" : state === "running" ? "ready" : ["starting", "stopping"].includes(state) ? "" : "saved";
        const key = `${job.id} ${kind}`;
        if (this.#shown === key) return;
        this.#shown = key;
        if (kind === "ready") fill(this.outcome, h("div", { class: "note good" }, icon("check"), h("p", {}, t("settings.ready", { name: this.app }))));
        else if (kind === "saved") fill(this.outcome, job.kind === "setting" ? h("div", { class: "note good" }, icon("check"), h("p", {}, t("settings.saved"))) : null);
        else if (kind === "bad") this.#offerRevert(job, app);
        else fill(this.outcome);
    }

    #shown = "";

    async #offerRevert(job, app) {
        const form = await api.get(api.app(this.app, "form")).catch(() => null);
        if (!this.isConnected) return;
        if (form) this.#form.lastWorking = form.lastWorking;
        fill(this.outcome, h("div", { class: "note bad", role: "alert" }, icon("failed"), h("div", {},
            h("p", { class: "title" }, t("settings.bad", { name: this.app })),
            h("p", { class: "cause" }, said(job.error?.message ?? app?.status.problem) ?? app?.status.lastExit?.reason ?? ""),
            h("div", { class: "actions" },
                form?.lastWorking && h("button", { type: "button", class: "primary", onclick: () => this.#revert() }, icon("undo"), t("settings.revert")),
                h("a", { class: "button", href: link("app", this.app, "logs") }, icon("jobs"), t("tab.logs"))),
            form?.lastWorking && changesOf(form.lastWorking))));
    }

    /** The settings in force did not prove themselves yet; others did. */
    #lastWorking() {
        const last = this.#form.lastWorking;
        const app = store.apps.get(this.app);
        if (!last || !app || app.status.state === "running" || app.installed === null) return null;
        return h("div", { class: "note warn" }, icon("undo"), h("div", {},
            h("p", {}, t("settings.unproven")), changesOf(last),
            h("div", { class: "actions" }, h("button", { type: "button", onclick: () => this.#revert() }, icon("undo"), t("settings.revert")))));
    }

    async #revert() {
        const { apply } = this.#form;
        const answer = await attempt(() => api.post(api.app(this.app, "config", "revert"), apply ? { run: apply } : { restart: true }));
        if (!answer) return;
        const record = await follow(answer.job);
        if (record?.state === "succeeded" && this.isConnected) await this.#load();
    }
}

function changesOf({ changes }) {
    if (!changes?.length) return null;
    return h("ul", { class: "settings-changes" }, changes.map((it) => h("li", {}, h("code", {}, it.key), " ",
        h("span", { class: "from" }, String(it.from ?? t("form.nothing"))), " → ", h("span", { class: "to" }, String(it.to ?? t("form.nothing"))))));
}

function parse(text) {
    try {
        const value = JSON.parse(text);
        return value && typeof value === "object" ? value : null;
    } catch {
        return null;
    }
}

customElements.define("app-settings", AppSettings);

/** The settings of an app. */
export function appSettings(name) {
    return Object.assign(document.createElement("app-settings"), { app: name });
}
