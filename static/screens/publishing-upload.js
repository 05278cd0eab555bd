// A package is dropped, looked into, and becomes an app, a further version, or the draft's other
// package. What is wrong with it is shown file by file; nothing is kept until it is right.

import { dropZone } from "../components/drop-zone.js";
import { facts, section } from "../components/about.js";
import { field } from "../components/ask-dialog.js";
import { progressBar } from "../components/progress-bar.js";
import { Part, fill, h } from "../dom.js";
import { bytes } from "../format.js";
import { icon } from "../icons.js";
import { language, t } from "../i18n.js";
import { failed, loadInto, placeholder, tell } from "../messages.js";
import { go, link } from "../router.js";
import { back, choose, lintResult, warnings } from "./publishing-parts.js";
import * as service from "./publishing-service.js";

const ENDINGS = ".zip,.tgz,.tar.gz,.tar,.tar.bz2";

class PublishingUpload extends Part {
    #turn = 0;

    build() {
        const kind = this.version ? "replace" : this.app ? "version" : "new";
        this.kind = kind;
        this.heading = h("h1", { tabindex: "-1" }, t(`publishing.upload.${kind}`, { name: "…" }));
        this.choices = h("div");
        this.drop = dropZone(t("publishing.drop"), ENDINGS, (file) => this.#take(file));
        this.found = h("div", { class: "found", "aria-live": "polite" });
        this.append(this.app ? back(t("publishing.back.app"), "app", this.app) : back(t("publishing.apps")), this.heading, this.choices);
        loadInto(this.choices, () => this.#load(), () => this.#draw());
    }

    async #load() {
        const [app, repositories, categories, versions] = await Promise.all([
            this.app ? service.app(this.app) : null,
            this.app ? [] : service.repositories(),
            this.app ? [] : service.categories(),
            this.version ? service.versions({ version_id: this.version }) : [],
        ]);
        this.known = app;
        this.old = versions[0] ?? null;
        this.repositories = repositories.filter((it) => it.writable);
        this.categories = categories;
    }

    #draw() {
        this.heading.textContent = t(`publishing.upload.${this.kind}`, { name: this.known?.name ?? "", version: this.old?.name ?? "" });
        if (this.app) return [h("p", { class: "faint" }, t(`publishing.upload.${this.kind}.text`)), this.drop, this.found];
        if (this.repositories.length === 0) {
            return placeholder("empty", t("publishing.norepository"), t("publishing.norepository.text"),
                h("a", { class: "button primary", href: link("publishing", "repositories") }, t("publishing.repositories")));
        }
        this.repository = choose(h("select"), this.repositories.map((it) => [it.id, it.name === it.url ? it.name : `${it.name} – ${it.url}`]), this.repositories[0].id);
        this.category = choose(h("select"), [["", t("publishing.category.package")], ...this.categories.map((it) => [it.category_id, service.categoryText(it, language())])], "");
        return [
            section(t("publishing.where"), h("div", { class: "fields" },
                field(t("publishing.repository"), this.repository, t("publishing.repository.text")),
                field(t("publishing.category"), this.category))),
            section(t("publishing.package"), this.drop, this.found),
        ];
    }

    /** Looks into a package before it is kept. */
    async #take(file) {
        const turn = this.#turn += 1;
        const bar = progressBar(t("publishing.upload.progress", { name: file.name }));
        const named = h("p", {}, h("code", {}, file.name), ` · ${bytes(file.size)}`);
        fill(this.found, named, bar);
        bar.show(0, "");
        try {
            const result = await service.validate(file, bar);
            if (turn !== this.#turn || !this.isConnected) return;
            const details = result.error_details ?? {};
            if (result.error || Object.keys(details).length > 0) fill(this.found, named, lintResult(details, result.error), h("p", {}, t("publishing.lint.again")));
            else fill(this.found, named, this.#good(file, result));
        } catch (error) {
            if (turn === this.#turn && this.isConnected) fill(this.found, named, this.#refused(error, () => this.#take(file)));
        }
    }

    #refused(error, again) {
        const details = error.data?.error_details;
        return details ? [lintResult(details, error.message), h("p", {}, t("publishing.lint.again"))] : failed(error, again);
    }

    /** What is right can be sent. */
    #good(file, result) {
        const found = result.package ?? {};
        const other = this.known && result.name !== this.known.name;
        const notes = h("textarea", { rows: 3, maxlength: 20_000 });
        const place = h("div", { "aria-live": "polite" });
        const button = h("button", { type: "button", class: "primary", disabled: other, onclick: async () => {
            const bar = progressBar(t("publishing.upload.progress", { name: file.name }));
            button.disabled = true;
            fill(place, bar);
            try {
                const answer = await this.#send(file, notes.value.trim(), bar);
                tell(t(`publishing.upload.${this.kind}.done`, { name: result.name, version: result.version_name }), { kind: "good" });
                if (this.isConnected) go("publishing", "app", answer.app_id ?? this.app);
            } catch (error) {
                button.disabled = false;
                if (this.isConnected) fill(place, this.#refused(error, () => button.click()));
            }
        } }, icon("upload"), t(`publishing.upload.${this.kind}.send`));
        return [
            h("p", { class: "good" }, icon("check"), t("publishing.lint.good")),
            facts([
                [t("publishing.name"), result.name],
                [t("version"), result.version_name],
                [t("publishing.description"), result.description],
            ]),
            found.refusal && h("p", { class: "warn" }, icon("warning"), h("span", {}, t("publishing.elsewhere", { reason: found.refusal }))),
            (found.parameters ?? []).length > 0 && h("details", {}, h("summary", {}, t("publishing.parameters", { n: found.parameters.length })),
                h("p", {}, found.parameters.map((it) => it.key ?? it.name).join(t("list.comma")))),
            warnings(found.warnings),
            other && h("p", { class: "bad", role: "alert" }, icon("failed"), t("publishing.othername", { found: result.name, name: this.known.name })),
            h("div", { class: "fields" }, field(t("publishing.notes"), notes, t("publishing.notes.text"))),
            place, h("div", { class: "actions" }, button),
        ];
    }

    #send(file, description, bar) {
        if (this.version) return service.replacePackage({ version_id: this.version, description }, file, bar);
        if (this.app) return service.createVersion({ app_id: this.app, description }, file, bar);
        return service.createApp({ repo_id: this.repository.value, category_id: this.category.value, description }, file, bar);
    }
}

customElements.define("publishing-upload", PublishingUpload);
