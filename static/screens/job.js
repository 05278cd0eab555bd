// One job, running or past.

import { jobView } from "../components/job-view.js";
import { Part, fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { loadInto } from "../messages.js";
import { link } from "../router.js";
import { job as record, on, store, subject } from "../store.js";

class JobScreen extends Part {
    build() {
        this.heading = h("h1", { tabindex: "-1" }, t("job.title", { id: this.job }));
        this.place = h("div");
        this.append(h("p", { class: "back" }, h("a", { href: link("jobs") }, icon("back"), t("nav.jobs"))), this.heading, this.place);
        this.atEnd(on("jobs", () => this.changed()));
        loadInto(this.place, () => record(this.job), () => jobView(this.job));
    }

    update() {
        const job = store.jobs.get(this.job);
        if (!job || this.#subject === subject(job)) return;
        this.#subject = subject(job);
        fill(this.heading, `${t(`job.kind.${job.kind}`)}${job.list ? ` · ${job.list}` : ""} · `, h("a", { href: link("app", subject(job)) }, subject(job)));
    }

    #subject = "";
}

customElements.define("job-screen", JobScreen);
