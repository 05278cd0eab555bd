// A job with its stages, steps, output and end: on its own screen, and while an app is installed.

import * as api from "../api.js";
import { attempt } from "../actions.js";
import { Part, fill, h, keyed, setAttribute, setText, show } from "../dom.js";
import { moment, span } from "../format.js";
import { icon, setIcon } from "../icons.js";
import { t } from "../i18n.js";
import { go, link } from "../router.js";
import { said } from "../said.js";
import { hasEnded, on, store, subject } from "../store.js";
import { STAGES, currentStep, doing, fraction } from "./job-line.js";
import { jobOutput } from "./job-output.js";
import { progressBar } from "./progress-bar.js";
import { jobBadge } from "./state-badge.js";

class JobView extends Part {
    build() {
        this.badge = jobBadge();
        this.times = h("span", { class: "faint" });
        this.cancel = h("button", { type: "button", hidden: true, onclick: () => attempt(() => api.remove(api.path("/api/jobs", [this.job]))) },
            icon("cross"), t("action.cancel"));
        this.bar = progressBar(t("job.progress"));
        this.stages = h("ol", { class: "stages", "aria-label": t("job.stages") });
        this.steps = h("ol", { class: "steps" });
        this.outcome = h("div", { class: "outcome", role: "status" });
        this.append(
            h("div", { class: "job-head" }, this.badge, this.times, h("span", { class: "room" }), this.cancel),
            this.stages, this.bar, this.outcome,
            h("details", { class: "section", open: true }, h("summary", {}, t("job.steps")), this.steps),
            h("details", { class: "section", open: true }, h("summary", {}, t("job.output")), jobOutput(this.job)));
        this.atEnd(on("jobs", (job) => { if (!job || job.id === this.job) this.changed(); }));
        this.every(1000, () => this.changed());
    }

    update() {
        const job = store.jobs.get(this.job);
        if (!job) return;
        const ended = hasEnded(job);
        this.badge.show(job.state);
        const begin = job.startedAt ?? job.queuedAt;
        const took = ((job.endedAt ?? Date.now()) - begin) / 1000;
        setText(this.times, `${moment(begin)} · ${span(took)}`);
        show(this.cancel, !ended);
        show(this.bar, !ended);
        if (!ended) this.bar.show(fraction(job), doing(job));
        this.#showStages(job);
        keyed(this.steps, job.steps.map((step, index) => ({ step, index })), ({ index }) => index, makeStep, changeStep);
        const state = `${job.state} ${job.warnings.length} ${job.canRetry}`;
        if (this.#shown !== state) {
            this.#shown = state;
            fill(this.outcome, outcome(job, this.followedBy));
        }
    }

    #shown = "";

    #showStages(job) {
        const known = job.steps.filter((step) => step.stage);
        show(this.stages, known.length > 0);
        if (known.length === 0) return;
        const all = STAGES.filter((stage) => known.some((step) => step.stage === stage));
        const at = currentStep(job)?.stage;
        keyed(this.stages, all, (stage) => stage, (stage) => h("li", {}, icon("absent"), h("span", {}, t(`stage.${stage}`))), (element, stage) => {
            const steps = known.filter((step) => step.stage === stage);
            const state = steps.some((step) => step.state === "failed") ? "failed"
                : steps.some((step) => step.state === "running") ? "running"
                : steps.every((step) => step.state === "succeeded") ? "succeeded"
                : hasEnded(job) && stage === at && job.state !== "succeeded" ? "failed" : "queued";
            setIcon(element.firstChild, { failed: "failed", running: "busy", succeeded: "running", queued: "absent" }[state]);
            element.className = state;
            setAttribute(element, "aria-current", state === "running" ? "step" : null);
            setText(element.lastChild, t(`stage.${stage}`));
        });
    }
}

function makeStep() {
    const badge = jobBadge();
    const element = h("li", {}, badge, h("code", { class: "title" }), h("span", { class: "faint" }));
    element.badge = badge;
    return element;
}

function changeStep(element, { step }) {
    element.badge.show(step.state);
    setText(element.children[1], said(step.title));
    const parts = [];
    if (step.exitCode !== null && step.exitCode !== undefined && step.exitCode !== 0) parts.push(t("exit.code", { code: step.exitCode }));
    if (step.startedAt && step.endedAt && step.endedAt - step.startedAt >= 1000) parts.push(span((step.endedAt - step.startedAt) / 1000));
    setText(element.children[2], parts.join(" · "));
}

/** How it went: what failed, why, and what can be done now. */
function outcome(job, followedBy) {
    const warnings = job.warnings.length > 0 && h("div", { class: "note warn" }, icon("warning"),
        h("div", {}, h("p", { class: "title" }, t("job.warnings", { n: job.warnings.length })), job.warnings.map((text) => h("p", {}, said(text)))));
    if (!hasEnded(job)) return [warnings];
    const app = subject(job);
    if (job.state === "succeeded") {
        const installed = ["install", "restore", "import", "rollback"].includes(job.kind);
        return [h("div", { class: "note good" }, icon("check"), h("div", {},
            h("p", { class: "title" }, t("job.done", { what: t(`job.kind.${job.kind}`), app })),
            installed && h("div", { class: "actions" }, h("a", { class: "button primary", href: link("app", app) }, t("job.toapp", { app }))))), warnings];
    }
    const step = currentStep(job);
    const retry = async () => {
        const answer = await attempt(() => api.post(api.path("/api/jobs", [job.id, "retry"])));
        if (answer) followedBy ? followedBy(answer.job) : go("jobs", answer.job);
    };
    const last = job.error?.data?.lastLines;
    return [h("div", { class: "note bad" }, icon("failed"), h("div", {},
        h("p", { class: "title" }, step && job.state === "failed" ? t("job.failed.at", { step: said(step.title) }) : t(`job.ended.${job.state}`)),
        job.error && h("p", { class: "cause" }, said(job.error.message)),
        Array.isArray(last) && last.length > 0 && h("pre", {}, last.join("\n")),
        ["install", "rollback", "restore", "import"].includes(job.kind) && h("p", {}, t("job.unchanged")),
        h("div", { class: "actions" },
            job.canRetry && h("button", { type: "button", class: "primary", onclick: retry }, icon("restart"), t("action.retry")),
            // An install that failed left nothing; its form is there again.
            job.kind === "install" && !store.apps.get(app)?.installed
                ? h("a", { class: "button", href: link("install", app) }, icon("settings"), t("job.otherport"))
                : store.apps.has(app) && h("a", { class: "button", href: link("app", app, "settings") }, icon("settings"), t("job.otherport")),
            job.kind === "install" && h("a", { class: "button", href: link("install") }, icon("folder"), t("job.localfile"))))), warnings];
}

customElements.define("job-view", JobView);

/** A job; `followedBy` gets the number of the job that tries it again. */
export function jobView(id, followedBy = null) {
    const view = document.createElement("job-view");
    view.job = id;
    view.followedBy = followedBy;
    return view;
}
