// What the programs of a job printed, as it comes.

import * as api from "../api.js";
import { Part, h, show } from "../dom.js";
import { t } from "../i18n.js";

/** More is in the file that the service keeps. */
const MOST = 2000;

class JobOutput extends Part {
    #waiting = [];

    build() {
        this.text = h("pre", { tabindex: "0", "aria-label": t("job.output") });
        this.none = h("p", { class: "faint" }, t("job.output.none"));
        this.append(this.none, this.text);
        const source = new EventSource(`${api.path("/api/jobs", [this.job, "log"])}?follow=true&lines=${MOST}`);
        source.addEventListener("log", (event) => {
            this.#waiting.push(...JSON.parse(event.data).lines);
            this.changed();
        });
        source.addEventListener("end", () => source.close());
        this.atEnd(() => source.close());
    }

    update() {
        show(this.none, !this.text.firstChild && this.#waiting.length === 0);
        show(this.text, Boolean(this.text.firstChild) || this.#waiting.length > 0);
        if (this.#waiting.length === 0) return;
        const atEnd = this.text.scrollTop >= this.text.scrollHeight - this.text.clientHeight - 20;
        const lines = this.#waiting.splice(0).slice(-MOST);
        this.text.append(...lines.map((line) => h("span", {}, `${line}\n`)));
        while (this.text.childNodes.length > MOST) this.text.firstChild.remove();
        if (atEnd) this.text.scrollTop = this.text.scrollHeight;
    }
}

customElements.define("job-output", JobOutput);

/** The output of a job. */
export function jobOutput(id) {
    const output = document.createElement("job-output");
    output.job = id;
    return output;
}
