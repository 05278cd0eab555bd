// A running job in few words: a bar, and what it does now.

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { said } from "../said.js";
import { hasEnded } from "../store.js";
import { progressBar, progressText } from "./progress-bar.js";

/** The stages of an install, in their order. */
export const STAGES = ["download", "verify", "unpack", "configure", "initialize", "start", "ready"];

/** The step at which a job is, or stopped. */
export function currentStep(job) {
    return job.steps.find((step) => step.state === "running") ?? job.steps.findLast((step) => step.state !== "queued") ?? null;
}

/** How much of a job is done, from 0 to 1; `null` when nothing tells. */
export function fraction(job) {
    if (hasEnded(job)) return 1;
    if (job.progress?.total) return Math.min(1, job.progress.completed / job.progress.total);
    const steps = job.steps.length;
    if (steps < 2) return null;
    return job.steps.filter((step) => step.endedAt).length / steps;
}

/** What a job does now. */
export function doing(job) {
    if (job.state === "queued") return t("job.state.queued");
    if (job.progress) return `${t(`phase.${job.progress.phase}`)} · ${progressText(job.progress)}`;
    return said(currentStep(job)?.title) ?? t("working");
}

/** A bar that follows a job by `show(record)`. */
export function jobLine(label) {
    const bar = progressBar(label);
    bar.classList.add("job-line");
    return Object.assign(h("div", { class: "job-line-box" }, bar), {
        showJob: (job) => bar.show(fraction(job), doing(job)),
    });
}
