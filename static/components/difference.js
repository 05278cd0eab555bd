// What would happen: the difference of a file, and the steps of a plan.

import { h } from "../dom.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";

/** A unified difference with its lines coloured and marked. */
export function difference(text) {
    const lines = text.split("\n").filter((line) => !/^(---|\+\+\+) /.test(line));
    const kind = (line) => ({ "+": "added", "-": "removed", "@": "place" })[line[0]] ?? "";
    return h("pre", { class: "difference", tabindex: "0", "aria-label": t("plan.difference") },
        lines.map((line) => h("span", { class: kind(line) }, `${line}\n`)));
}

/** The files that change, each to unfold. */
export function fileChanges(files) {
    const changed = files.filter((file) => file.change !== "same");
    if (changed.length === 0) return h("p", { class: "faint" }, t("plan.nofiles"));
    return h("ul", { class: "files" }, changed.map((file) => h("li", {},
        file.diff
            ? h("details", { open: changed.length === 1 }, h("summary", {}, fileName(file)), difference(file.diff))
            : fileName(file))));
}

function fileName(file) {
    return h("span", { class: "file" }, h("code", {}, file.path), h("span", { class: "tag" }, t(`plan.${file.change}`)));
}

/** The steps of a plan in their order. */
export function planSteps(steps) {
    if (steps.length === 0) return h("p", { class: "faint" }, t("plan.nothing"));
    return h("ol", { class: "plan" }, steps.map((step) => h("li", {},
        h("code", { class: "title" }, step.title),
        facts(step).map(([label, values]) => h("div", { class: "fact" }, h("span", { class: "faint" }, label), " ",
            values.map((value, index) => [index > 0 && t("list.comma"), h("code", {}, value)]))),
        (step.files ?? []).map((file) => h("div", { class: "fact" }, fileName(file))),
        (step.warnings ?? []).map((text) => h("p", { class: "warn" }, icon("warning"), text)),
        (step.errors ?? []).map((text) => h("p", { class: "bad" }, icon("failed"), text.message ?? text)))));
}

function facts(step) {
    const program = step.program ? [step.program.program, ...(step.program.args ?? [])].join(" ") : null;
    return [
        [t("plan.runs"), program ? [program] : []],
        [t("plan.deletes"), step.deletions ?? []],
        [t("plan.folders"), step.folders ?? []],
        [t("plan.ports"), step.ports ?? []],
        [t("plan.apps"), step.apps ?? []],
    ].filter(([, values]) => values.length > 0);
}
