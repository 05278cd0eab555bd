// What is being changed, and what was.

import { fraction, doing } from "../components/job-line.js";
import { progressBar } from "../components/progress-bar.js";
import { jobBadge } from "../components/state-badge.js";
import { Part, fill, h, keyed, setText, show } from "../dom.js";
import { moment, span } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { placeholder } from "../messages.js";
import { link } from "../router.js";
import { said } from "../said.js";
import { hasEnded, on, store, subject } from "../store.js";
import { heading } from "./heading.js";

class JobsScreen extends Part {
    build() {
        this.note = h("div");
        this.rows = h("ul", { class: "rows jobs" });
        this.append(heading(t("nav.jobs")), this.note, this.rows);
        this.atEnd(on("jobs", () => this.changed()));
        this.every(1000, () => { if ([...store.jobs.values()].some((job) => !hasEnded(job))) this.changed(); });
    }

    update() {
        const jobs = [...store.jobs.values()].sort((a, b) => hasEnded(a) - hasEnded(b) || b.id - a.id).slice(0, 100);
        keyed(this.rows, jobs, (job) => job.id, makeRow, (row, job) => row.show(job));
        const kind = !store.jobsLoaded ? "loading" : jobs.length === 0 ? "empty" : "";
        if (this.#note === kind) return;
        this.#note = kind;
        if (kind === "loading") fill(this.note, placeholder("loading", t("loading")));
        else if (kind === "empty") fill(this.note, placeholder("empty", t("jobs.empty"), t("jobs.empty.text"), h("a", { class: "button primary", href: link("catalog") }, icon("catalog"), t("installed.tocatalog"))));
        else fill(this.note);
    }

    #note = null;
}

function makeRow({ id }) {
    const badge = jobBadge();
    const title = h("a", { href: link("jobs", id) });
    const cause = h("span", { class: "desc" });
    const bar = progressBar(t("job.progress"));
    const times = h("span", { class: "times faint" });
    const row = h("li", {}, h("div", { class: "what" }, h("div", { class: "title" }, title), cause, bar), h("div", { class: "state" }, badge), times);
    row.show = (job) => {
        const ended = hasEnded(job);
        const words = `${t(`job.kind.${job.kind}`)}${job.list ? ` · ${job.list}` : ""} · ${subject(job)}`;
        setText(title, words);
        setText(cause, said(job.error?.message) ?? (job.warnings.length > 0 ? t("job.warnings", { n: job.warnings.length }) : ""));
        badge.show(job.state);
        const begin = job.startedAt ?? job.queuedAt;
        const took = ((job.endedAt ?? Date.now()) - begin) / 1000;
        setText(times, `${moment(begin)}${took >= 1 ? ` · ${span(took)}` : ""}`);
        show(bar, !ended);
        if (!ended) bar.show(fraction(job), doing(job));
    };
    return row;
}

customElements.define("jobs-screen", JobsScreen);
