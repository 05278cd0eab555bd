// Installing an app: what comes, its settings, and then the way from the download to a running app.
// Without a name: from a file, a folder, or an address.

import * as api from "../api.js";
import { attempt, tellError } from "../actions.js";
import { aboutOffer, effects, head, section } from "../components/about.js";
import { jobView } from "../components/job-view.js";
import { progressBar } from "../components/progress-bar.js";
import { settingsForm } from "../components/settings-form.js";
import { Part, fill, h, setAttribute } from "../dom.js";
import { bytes } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { failed, loadInto, placeholder } from "../messages.js";
import { link } from "../router.js";
import { activeJob, job as record, loadApps, loadJobs, store, subject } from "../store.js";

class InstallScreen extends Part {
    build() {
        const known = this.name !== null;
        this.heading = h("h1", { tabindex: "-1" }, known ? t("install.title", { name: this.name }) : t("install.from"));
        this.place = h("div", { class: "install" });
        this.append(h("p", { class: "back" }, h("a", { href: link("catalog") }, icon("back"), t("nav.catalog"))), this.heading, this.place);
        this.#begin();
    }

    /** The address asks for the form again, or for a job. */
    moved() {
        fill(this.place);
        this.#begin();
    }

    async #begin() {
        // A job that was begun before the page was loaded anew goes on here.
        if (!store.jobsLoaded) await loadJobs();
        if (!this.isConnected) return;
        const asked = Number(this.query.get("job"));
        const running = this.name ? activeJob(this.name) : null;
        if (asked || running?.kind === "install") {
            this.#follow(asked || running.id);
            return;
        }
        if (this.name === null) this.#askWhat();
        else this.#review();
    }

    /** Follows a job from here on, also when the page is loaded anew. */
    async #follow(id) {
        fill(this.place, placeholder("loading", t("loading")));
        try {
            const job = await record(id);
            this.name ??= subject(job);
            fill(this.heading, t("install.title", { name: this.name }));
            history.replaceState(null, "", link("install", this.name, { job: id }));
            fill(this.place, jobView(id, (next) => this.#follow(next)));
        } catch (error) {
            fill(this.place, failed(error, () => this.#follow(id)));
        }
    }

    /** What is known before anything is fetched. */
    async #review() {
        const { name } = this;
        await loadInto(this.place, async () => {
            if (!store.loaded) await loadApps();
            const local = store.apps.get(name);
            if (local && local.installed === null && !this.query.has("catalog")) {
                const [form, found] = await Promise.all([api.get(api.app(name, "form")), api.get(api.app(name, "effects")).catch(() => null)]);
                return { app: local, form, found };
            }
            const query = { version: this.query.get("version") ?? "", catalog: this.query.get("catalog") ?? "" };
            const offer = await api.offer(name, query);
            if (!offer) throw new api.ApiError(t("install.nowhere", { name }), 404);
            // What lies on this computer is looked into at once; what must be fetched when it is asked for.
            const near = offer.addresses.length > 0 && offer.addresses.every((it) => !it.host);
            const inside = near ? await this.#lookInto(offer).catch(() => null) : null;
            return { app: offer, offer, form: inside?.form ?? null, found: inside?.effects ?? null };
        }, (all) => this.#draw(all));
    }

    #lookInto({ name, version, catalog }) {
        return api.post(api.path("/api/catalog", [name, "inspect"], { version: this.query.get("version") ?? version, catalog }));
    }

    /** Fetches the package of an offer, and shows what is in it. */
    async #lookFirst(offer, button) {
        setAttribute(button, "disabled", true);
        fill(button, icon("busy"), t("loading"));
        const inside = await attempt(() => this.#lookInto(offer));
        if (!this.isConnected) return;
        fill(this.place, this.#draw({ app: offer, offer, form: inside?.form ?? null, found: inside?.effects ?? null }));
    }

    #draw({ app, offer, form, found }) {
        const { name } = this;
        const versions = offer?.versions ?? [];
        const version = h("select", { id: "install-version" }, versions.map((it) => h("option", { value: it.version }, it.version)));
        const missing = (offer?.dependencies ?? []).filter((it) => !it.installed);
        const together = h("input", { type: "checkbox", checked: true });
        const start = h("input", { type: "checkbox", checked: true });
        const fields = form?.fields?.length > 0 ? settingsForm({ name, form, install: true, offline: Boolean(offer) }) : null;
        const look = offer && !found && h("button", { type: "button", onclick: () => this.#lookFirst(offer, look) }, icon("eye"), t("install.look"));
        const button = h("button", { type: "button", class: "primary", onclick: async () => {
            setAttribute(button, "disabled", true);
            const query = { start: start.checked, dependencies: missing.length > 0 && together.checked };
            if (offer) {
                query.version = versions.length > 1 ? version.value : "";
                query.catalog = this.query.get("catalog") ?? "";
            }
            const answer = await attempt(() => api.post(api.path(api.app(name, "install"), [], query), fields ? { set: fields.change.set } : {}));
            setAttribute(button, "disabled", null);
            if (answer) this.#follow(answer.job);
        } }, icon("download"), t("action.install"));
        fields?.addEventListener("looked", () => setAttribute(button, "disabled", fields.isGood ? null : true));
        return [
            head(app, button),
            h("div", { class: "choices" },
                versions.length > 1 && h("label", { for: "install-version" }, t("install.version"), " ", version),
                missing.length > 0 && h("label", { class: "choice" }, together, t("install.together", { apps: missing.map((it) => it.name).join(t("list.comma")) })),
                app.hasStart !== false && h("label", { class: "choice" }, start, t("install.start"))),
            fields ? section(t("tab.settings"), fields) : look && h("div", { class: "choices" }, h("p", { class: "faint" }, t("install.later")), look),
            found && effects(found),
            offer && aboutOffer(offer),
        ];
    }

    /** From a file, a folder, or an address. */
    #askWhat() {
        const file = h("input", { type: "file", id: "install-file", accept: ".zip,.tar,.gz,.tgz,.bz2", onchange: () => this.#inspect(file.files[0]) });
        const drop = h("label", { class: "drop", for: "install-file" }, icon("upload"), h("span", {}, t("install.drop")), file);
        drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
        drop.addEventListener("dragleave", () => drop.classList.remove("over"));
        drop.addEventListener("drop", (event) => {
            event.preventDefault();
            drop.classList.remove("over");
            if (event.dataTransfer.files[0]) this.#inspect(event.dataTransfer.files[0]);
        });
        const by = (key, field, input) => h("form", { class: "line-form", onsubmit: async (event) => {
            event.preventDefault();
            const answer = await attempt(() => api.post("/api/apps", { [field]: input.value.trim(), start: true, dependencies: true }));
            if (answer) this.#follow(answer.job);
        } }, h("label", { for: input.id }, t(`install.by.${key}`)), input, h("button", { class: "primary" }, t("action.install")));
        fill(this.place,
            section(t("install.by.file"), drop),
            section(t("install.by.other"),
                by("address", "url", h("input", { id: "install-address", type: "url", required: true, placeholder: "https://example.org/app.zip", autocomplete: "off" })),
                by("folder", "folder", h("input", { id: "install-folder", type: "text", required: true, placeholder: "/home/me/my-app", autocomplete: "off", spellcheck: "false" }))));
    }

    /** Looks into a package before it is installed. */
    async #inspect(file) {
        if (!file) return;
        const bar = progressBar(t("install.looking"));
        fill(this.place, h("p", {}, t("install.looking"), " ", h("code", {}, file.name), ` · ${bytes(file.size)}`), bar);
        try {
            const found = await upload("/api/packages/inspect", file, bar);
            if (this.isConnected) this.#drawPackage(file, found);
        } catch (error) {
            fill(this.place, failed(error, () => this.#askWhat()));
        }
    }

    #drawPackage(file, found) {
        const start = h("input", { type: "checkbox", checked: true });
        const mistakes = (found.problems ?? []).filter((problem) => problem.severity !== "warning");
        const fields = found.form?.fields?.length > 0 ? settingsForm({ name: found.name, form: found.form, install: true, offline: true }) : null;
        const button = h("button", { type: "button", class: "primary", disabled: mistakes.length > 0, onclick: async () => {
            const bar = progressBar(t("install.upload"));
            const set = fields ? JSON.stringify(fields.change.set) : "";
            fill(this.place, bar);
            try {
                const query = { file: file.name, start: start.checked, dependencies: true, replace: found.installed !== null, set };
                const answer = await upload(api.path("/api/packages", [], query), file, bar);
                this.#follow(answer.job);
            } catch (error) {
                tellError(error);
                this.#drawPackage(file, found);
            }
        } }, icon("download"), t("action.install"));
        fill(this.place,
            head({ ...found, icon: "" }, button),
            found.installed !== null && h("p", { class: "warn" }, icon("warning"), t("install.over", { version: found.installed })),
            mistakes.map((problem) => h("p", { class: "bad" }, icon("failed"), problem.message)),
            h("div", { class: "choices" }, h("label", { class: "choice" }, start, t("install.start"))),
            fields && section(t("tab.settings"), fields),
            found.effects && effects(found.effects));
    }
}

/** Sends a file and tells how much of it went. */
function upload(path, file, bar) {
    return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.open("POST", path);
        request.setRequestHeader("Content-Type", "application/octet-stream");
        request.responseType = "json";
        request.upload.onprogress = (event) => bar.show(event.total ? event.loaded / event.total : null, t("progress.of", { done: bytes(event.loaded), total: bytes(event.total) }));
        request.onload = () => (request.status < 300 ? resolve(request.response)
            : reject(new api.ApiError(request.response?.message ?? request.statusText, request.status, request.response ?? {})));
        request.onerror = () => reject(new api.ApiError(t("connection.silent")));
        request.send(file);
    });
}

customElements.define("install-screen", InstallScreen);
