// A form made from an app's settings. What is typed is looked at by the service as one types: what is
// wrong with it, and what would change in which file.

import * as api from "../api.js";
import { Part, fill, h, setAttribute, setText, show } from "../dom.js";
import { icon } from "../icons.js";
import { own, t } from "../i18n.js";
import { said } from "../said.js";
import { fileChanges, planSteps } from "./difference.js";

const PAUSE = 250;
const MASK = "***";
/** Letters and digits that are not taken for one another. */
const LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const PASSWORD_LENGTH = 20;

let number = 0;

class SettingsForm extends Part {
    #fields = [];
    #timer = 0;
    #asked = 0;

    /** `{ name, form, values, install, offline }`: the app, its form, values to begin with, whether it is new, and not even here. */
    set options(options) {
        Object.assign(this, options);
    }

    build() {
        this.problem = h("div", { class: "form-problem", role: "alert" });
        this.changes = h("div", { class: "changes", role: "status" });
        const plain = this.form.fields.filter((field) => !field.advanced);
        const advanced = this.form.fields.filter((field) => field.advanced);
        fill(this,
            h("div", { class: "fields" }, plain.map((field) => this.#row(field))),
            advanced.length > 0 && h("details", { class: "section" }, h("summary", {}, t("form.advanced")),
                h("div", { class: "fields" }, advanced.map((field) => this.#row(field)))),
            this.problem, this.changes);
        this.#begin();
        this.atEnd(() => clearTimeout(this.#timer));
    }

    /** What differs from what is in force. */
    get change() {
        const set = {};
        const unset = [];
        for (const { field, read } of this.#fields) {
            const value = read();
            if (value === undefined || same(value, field.value)) continue;
            if (field.isSet && same(value, field.default) && !this.install) unset.push(field.key);
            else set[field.key] = value;
        }
        return { set, unset };
    }

    get isChanged() {
        const { set, unset } = this.change;
        return Object.keys(set).length + unset.length > 0;
    }

    /** Looks at once. Gives the preview; nothing when the browser itself finds a mistake. */
    async look() {
        clearTimeout(this.#timer);
        const turn = this.#asked += 1;
        const change = this.change;
        this.#checkPatterns();
        this.dispatchEvent(new CustomEvent("edited"));
        // An app that is not here yet cannot be asked.
        if (this.offline || (!this.isChanged && !this.install)) {
            this.#showProblems(this.#unfit);
            fill(this.changes);
            this.preview = null;
            this.dispatchEvent(new CustomEvent("looked"));
            return null;
        }
        const place = this.form.apply && !this.install ? ["preview", this.form.apply] : ["preview"];
        try {
            const preview = await api.post(api.app(this.name, ...place), change);
            if (turn !== this.#asked || !this.isConnected) return preview;
            this.preview = preview;
            this.#showProblems(preview.problems);
            this.#showChanges(preview);
        } catch (error) {
            if (turn !== this.#asked || !this.isConnected) return null;
            this.preview = null;
            this.#showProblems(error.data?.problems ?? [{ key: null, severity: "error", message: error.message }]);
        }
        this.dispatchEvent(new CustomEvent("looked"));
        return this.preview;
    }

    /** Nothing that the service called an error, or that can be told without it. */
    get isGood() {
        return this.#unfit.length === 0 && (!this.preview || this.preview.ok);
    }

    /** What does not match the pattern that its author wrote. */
    get #unfit() {
        return this.#fields.filter(({ control }) => control.validity.customError)
            .map(({ field, control }) => ({ key: field.key, severity: "error", message: control.validationMessage }));
    }

    #checkPatterns() {
        for (const { field, control } of this.#fields) {
            if (field.pattern) control.setCustomValidity(fits(field, control.value) ? "" : t("form.pattern", { pattern: field.pattern }));
        }
    }

    /** Puts a value into a field, as if it had been typed. */
    put(key, value) {
        const field = this.#fields.find((known) => known.field.key === key);
        if (!field) return;
        field.write(value);
        this.look();
    }

    /** Values to begin with; for a new app a free port and a password of its own. */
    #begin() {
        for (const { field, write } of this.#fields) {
            if (this.values && field.key in this.values) write(this.values[field.key]);
            else if (this.install && field.kind === "port" && field.port?.suggestion) write(field.port.suggestion);
            else if (this.install && field.kind === "secret" && !field.isSet && !field.readOnly) write(password());
        }
        const conflict = this.#fields.some(({ field }) => field.port);
        if (this.isChanged || this.install || conflict) this.look();
        if (conflict && !this.isChanged) {
            this.#showProblems(this.#fields.filter(({ field }) => field.port).map(({ field }) => ({
                key: field.key, severity: "warning", message: portConflict(field), suggestion: field.port.suggestion,
            })));
        }
    }

    #soon() {
        clearTimeout(this.#timer);
        this.dispatchEvent(new CustomEvent("edited"));
        this.#timer = setTimeout(() => this.look(), PAUSE);
    }

    #row(field) {
        const id = `field-${number += 1}`;
        const title = own(field.title) || field.key;
        const description = own(field.description);
        const problem = h("div", { class: "problem", id: `${id}-problem` });
        const { element, control, read, write } = makeControl(field, id, this.name, () => this.#soon());
        setAttribute(control, "aria-describedby", `${id}-problem${description ? ` ${id}-text` : ""}`);
        const reset = field.readOnly || this.install || field.kind === "secret" ? null : h("button", {
            type: "button", class: "quiet small reset", hidden: !field.isSet || same(field.value, field.default),
            "aria-label": t("form.reset", { title }), title: t("form.reset", { title }),
            onclick: () => { write(field.default); this.#soon(); },
        }, icon("undo"));
        this.#fields.push({ field, control, problem, read, write });
        return h("div", { class: "field", data: { key: field.key, kind: field.kind } },
            h("label", { for: id }, title, title !== field.key && h("code", { class: "key" }, field.key)),
            h("div", { class: "control" }, element, reset),
            description && h("p", { class: "description", id: `${id}-text` }, description),
            problem);
    }

    #showProblems(problems) {
        for (const { field, control, problem } of this.#fields) {
            const own = problems.filter((it) => it.key === field.key);
            setAttribute(control, "aria-invalid", own.some((it) => it.severity === "error") ? "true" : null);
            fill(problem, own.map((it) => h("p", { class: it.severity === "error" ? "bad" : "warn" },
                icon("warning"), h("span", {}, said(it.message)),
                it.suggestion !== null && it.suggestion !== undefined && h("button", {
                    type: "button", class: "small suggestion", onclick: () => this.put(field.key, it.suggestion),
                }, t("form.use", { value: it.suggestion })))));
        }
        const known = new Set(this.#fields.map(({ field }) => field.key));
        const others = problems.filter((it) => !known.has(it.key));
        fill(this.problem, others.map((it) => h("p", { class: it.severity === "error" ? "bad" : "warn" }, icon("warning"), said(it.message))));
    }

    #showChanges(preview) {
        if (this.install) {
            fill(this.changes);
            return;
        }
        const files = preview.files.filter((file) => file.change !== "same");
        fill(this.changes, h("div", { class: "section changes-box" },
            h("h3", {}, t("form.changes")),
            preview.settings.length > 0 && h("ul", { class: "settings-changes" }, preview.settings.map((it) => h("li", {},
                h("code", {}, it.key), " ", h("span", { class: "from" }, shown(it.from)), " → ", h("span", { class: "to" }, shown(it.to))))),
            h("p", { class: "faint" }, files.length > 0 ? t("form.files", { n: files.length }) : t("plan.nofiles")),
            files.length > 0 && fileChanges(files),
            preview.outside.length > 0 && h("p", { class: "warn" }, icon("warning"), t("plan.outside", { paths: preview.outside.join(t("list.comma")) })),
            preview.steps.length > 0 && h("details", {}, h("summary", {}, t("plan.steps", { n: preview.steps.length })), planSteps(preview.steps))));
    }
}

/** Who stands against a port, in a sentence. */
export function portConflict(field) {
    const holder = field.port.heldBy?.[0];
    if (holder?.app) return t("port.held.app", { port: field.value, app: holder.app });
    if (holder) return t("port.held", { port: field.value, name: holder.name, pid: holder.pid });
    return t("port.wanted", { port: field.value, app: (field.port.wantedBy ?? []).map((it) => it.app ?? it).join(t("list.comma")) });
}

function shown(value) {
    if (value === null || value === undefined || value === "") return t("form.nothing");
    return typeof value === "string" ? value : JSON.stringify(value);
}

/** Whether a text matches the field's pattern. What is empty or has words to replace is not looked at. */
function fits({ pattern, value: inForce }, value) {
    if (value === "" || value === inForce || value.includes("{")) return true;
    try {
        return new RegExp(pattern, "u").test(value);
    } catch {
        // The service reads patterns in its own way, and is asked anyway.
        return true;
    }
}

function same(one, other) {
    return one === other || JSON.stringify(one) === JSON.stringify(other);
}

/** A password that nobody guesses. */
function password() {
    const random = crypto.getRandomValues(new Uint32Array(PASSWORD_LENGTH));
    return Array.from(random, (value) => LETTERS[value % LETTERS.length]).join("");
}

/** The control of a field: its element, and how its value is read and written. */
function makeControl(field, id, app, changed) {
    const common = { id, name: field.key, required: field.required, disabled: field.readOnly, oninput: changed };
    switch (field.kind) {
        case "switch": {
            const input = h("input", { ...common, type: "checkbox", role: "switch", required: null, checked: field.value === true || field.value === "true" });
            // A switch keeps the type that the author chose.
            const text = typeof field.default === "string" || typeof field.value === "string";
            return plain(input, () => (text ? String(input.checked) : input.checked), (value) => { input.checked = value === true || value === "true"; });
        }
        case "choice": {
            const select = h("select", common, (field.choices ?? []).map((choice, index) =>
                h("option", { value: String(index), selected: same(choice.value, field.value) }, own(choice.title) || String(choice.value))));
            return plain(select, () => field.choices[Number(select.value)]?.value,
                (value) => { select.value = String(field.choices.findIndex((choice) => same(choice.value, value))); });
        }
        case "port":
        case "integer":
        case "number":
            return numberControl(field, common);
        case "secret":
            return secretControl(field, common, app, changed);
        case "json": {
            const area = h("textarea", { ...common, rows: 4, spellcheck: "false", value: JSON.stringify(field.value, null, 2) });
            return plain(area, () => {
                try {
                    return JSON.parse(area.value);
                } catch {
                    return area.value;
                }
            }, (value) => { area.value = JSON.stringify(value, null, 2); });
        }
        default: {
            const input = h("input", {
                ...common, type: "text", value: field.value ?? "", spellcheck: "false", autocomplete: "off",
                minlength: field.minLength, maxlength: field.maxLength, class: field.kind === "text" ? "" : "path",
            });
            return plain(input, () => (input.value === "" && field.value === null ? null : input.value), (value) => { input.value = value ?? ""; });
        }
    }
}

function plain(control, read, write) {
    return { element: control, control, read, write };
}

function numberControl(field, common) {
    const input = h("input", {
        ...common, type: "number", inputmode: "numeric", value: field.value ?? "", min: field.min, max: field.max,
        step: field.kind === "number" ? "any" : 1,
    });
    // A number that the author wrote as text stays text.
    const text = typeof field.value === "string" || typeof field.default === "string";
    return plain(input, () => {
        if (input.value === "") return text ? "" : null;
        return text ? input.value : input.valueAsNumber;
    }, (value) => { input.value = value ?? ""; });
}

function secretControl(field, common, app, changed) {
    const hidden = field.value === MASK;
    let typed = false;
    const input = h("input", {
        ...common, type: "password", value: hidden ? "" : field.value ?? "", autocomplete: "new-password", spellcheck: "false",
        placeholder: hidden ? t("form.secret.set") : t("form.secret.none"),
        oninput: () => { typed = true; changed(); },
    });
    const write = (value) => {
        typed = true;
        input.type = "text";
        input.value = value;
    };
    const reveal = h("button", { type: "button", class: "quiet", "aria-label": t("form.secret.show"), title: t("form.secret.show"), onclick: async () => {
        if (input.type === "text") {
            input.type = "password";
            return;
        }
        if (hidden && !typed) {
            const answer = await api.get(api.app(app, "config", field.key)).catch(() => null);
            if (answer && !typed) input.value = answer.value;
        }
        input.type = "text";
    } }, icon("eye"));
    const generate = !field.readOnly && h("button", {
        type: "button", class: "quiet", "aria-label": t("form.secret.new"), title: t("form.secret.new"),
        onclick: () => { write(password()); changed(); },
    }, icon("dice"));
    return {
        element: h("span", { class: "secret" }, input, reveal, generate || null),
        control: input,
        read: () => (typed ? input.value : undefined),
        write,
    };
}

customElements.define("settings-form", SettingsForm);

/** A form for an app's settings. */
export function settingsForm(options) {
    const form = document.createElement("settings-form");
    form.options = options;
    return form;
}
