// The repositories that apps are published to: how they are, what a sync found, and adding one after
// it was tried.

import * as api from "../api.js";
import { attempt } from "../actions.js";
import { section } from "../components/about.js";
import { ask, field } from "../components/ask-dialog.js";
import { confirm } from "../components/confirm-dialog.js";
import { menuButton } from "../components/menu-button.js";
import { Part, fill, h, keyed, show } from "../dom.js";
import { ago, count, moment, span } from "../format.js";
import { icon } from "../icons.js";
import { has, t } from "../i18n.js";
import { failed, loadInto, placeholder, tell } from "../messages.js";
import { on } from "../store.js";
import { busy, choose } from "./publishing-parts.js";
import * as service from "./publishing-service.js";

const EVENT_LOOKS = { pending: ["clock", "faint"], working: ["busy", "info spins"], successful: ["running", "good"], failed: ["failed", "bad"] };
/** Seconds between two syncs; 0 is never. */
const PERIODS = [0, 300, 3600, 86_400];

class RepositoriesList extends Part {
    build() {
        this.note = h("div", { "aria-live": "polite" }, placeholder("loading", t("loading")));
        this.list = h("ul", { class: "rows repositories" });
        // Everybody who publishes sees how they are; the rest is an administrator's.
        this.manages = service.is("admin");
        this.append(this.note, section(t("publishing.repositories"), this.list), ...this.manages ? [this.#form()] : []);
        this.atEnd(on("repositories", () => this.#load()));
        this.every(5000, () => this.#load());
    }

    async #load() {
        try {
            const all = await service.repositories();
            if (!this.isConnected) return;
            fill(this.note, all.length === 0 && placeholder("empty", t("repositories.none")));
            keyed(this.list, all, (it) => it.id, () => h("li", {}), (row, it) => {
                const key = JSON.stringify(it) + ago(it.sync.syncedAt ?? 0);
                if (row.shown === key) return;
                row.shown = key;
                this.#row(row, it);
            });
        } catch (error) {
            if (this.isConnected) fill(this.note, failed(error, () => this.#load()));
        }
    }

    #row(row, it) {
        const { sync } = it;
        const running = isRunning(sync);
        row.dataset.repository = it.name;
        // What is unfolded stays so.
        row.events ??= h("details", { class: "history", ontoggle: () => {
            if (row.events.open) this.#events(row, it.name);
        } }, h("summary", {}, t("repositories.events")), h("div"));
        row.validation ??= h("div", { "aria-live": "polite" });
        if (row.events.open) this.#events(row, it.name);
        fill(row,
            h("div", { class: "what" },
                h("div", { class: "title" }, h("strong", {}, it.name), h("span", { class: "tag" }, t(`repositories.kind.${it.type}`)), badgeOf(it)),
                h("code", { class: "path" }, it.url),
                it.description && h("p", {}, it.description),
                sync.error && h("p", { class: "bad" }, icon("warning"), h("span", {}, sync.error)),
                problems(sync.problems),
                row.validation, row.events),
            h("div", { class: "faint" },
                h("div", {}, t("repositories.packages", { n: sync.versions, count: count(sync.versions) })),
                h("div", {}, sync.syncedAt ? t("repositories.synced", { ago: ago(sync.syncedAt) }) : t("repositories.state.new")),
                it.syncPeriod > 0 && h("div", {}, t("repositories.every", { span: span(it.syncPeriod) }))),
            this.manages && h("div", { class: "actions" },
                h("button", { type: "button", class: "small", disabled: running, "aria-label": t("repositories.sync.one", { name: it.name }), onclick: () => this.#sync(it.name) }, icon("restart"), t("repositories.sync")),
                menuButton(t("repositories.more", { name: it.name }), () => [
                    { text: t("repositories.validate"), icon: "check", run: () => this.#validate(row, it.name) },
                    !it.builtIn && { text: t("action.edit"), icon: "settings", run: () => this.#edit(it) },
                    !it.builtIn && { text: t("repositories.remove"), icon: "trash", bad: true, run: () => this.#remove(it) },
                ].filter(Boolean))));
    }

    async #sync(name) {
        const done = attempt(() => api.post(service.repository(name, "index")));
        this.#load();
        const event = await done;
        if (event?.status === "successful") tell(t("repositories.synced.now", { name, result: event.result }), { kind: "good", key: `sync ${name}` });
        this.#load();
    }

    #validate(row, name) {
        return loadInto(fill(row.validation), () => api.post(service.repository(name, "validate")), validation);
    }

    #events(row, name) {
        loadInto(row.events.lastElementChild, () => api.get(service.repository(name, "events")), (events) => {
            if (events.length === 0) return h("p", { class: "faint" }, t("repositories.events.none"));
            return h("ul", { class: "rows" }, events.slice(0, 20).map((event) => {
                const [picture, look] = EVENT_LOOKS[event.status] ?? EVENT_LOOKS.pending;
                return h("li", {}, h("div", { class: "what" },
                    h("span", { class: `badge ${look}` }, icon(picture), h("span", {}, t(`repositories.event.${event.status}`))),
                    event.result && h("p", {}, event.result), problems(event.problems)),
                h("div", { class: "faint" }, h("div", {}, moment(event.createdAt)), has(`repositories.owner.${event.owner}`) && h("div", {}, t(`repositories.owner.${event.owner}`))));
            }));
        });
    }

    async #edit(it) {
        const description = h("input", { type: "text", value: it.description ?? "", maxlength: 500 });
        const period = choose(h("select"), periods(it.syncPeriod), String(it.syncPeriod ?? 0));
        const key = h("input", { type: "text", autocomplete: "off", spellcheck: "false" });
        const secret = h("input", { type: "password", autocomplete: "new-password" });
        const done = await ask({
            title: t("repositories.edit", { name: it.name }),
            more: h("div", { class: "fields" }, field(t("publishing.description"), description), field(t("repositories.period"), period),
                it.type === "s3" && [field(t("repositories.key"), key, t("repositories.key.keep")), field(t("repositories.secret"), secret)]),
            confirm: t("action.save"),
            send: () => api.patch(service.repository(it.name), {
                description: description.value.trim(), syncPeriod: Number(period.value),
                accessKeyId: key.value.trim(), secretAccessKey: secret.value,
            }),
        });
        if (done) this.#load();
    }

    async #remove({ name }) {
        if (!await confirm({ title: t("repositories.remove.title", { name }), text: t("repositories.remove.text"), confirm: t("action.remove"), bad: true })) return;
        if (await attempt(async () => (await api.remove(service.repository(name))) ?? true)) tell(t("repositories.removed", { name }), { kind: "good" });
        this.#load();
    }

    /** Adding one; it can be tried first. */
    #form() {
        const text = (properties) => h("input", { type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "none", ...properties });
        const address = text({ required: true, placeholder: "s3://s3.eu-1.example.org/my-apps", oninput: () => choices() });
        const name = text({ required: true, maxlength: 64 });
        const key = text();
        const secret = h("input", { type: "password", autocomplete: "new-password" });
        const description = text({ maxlength: 500 });
        const period = choose(h("select"), periods(0), "3600");
        const keys = [field(t("repositories.key"), key), field(t("repositories.secret"), secret, t("repositories.secret.text"))];
        const result = h("div", { class: "validation-place", "aria-live": "polite" });
        const choices = () => keys.forEach((it) => show(it, /^s3:/i.test(address.value.trim())));
        const wish = () => ({
            name: name.value.trim(), url: address.value.trim(), description: description.value.trim(), syncPeriod: Number(period.value),
            accessKeyId: key.value.trim(), secretAccessKey: secret.value,
        });
        const tryIt = h("button", { type: "button", onclick: () => {
            if (!address.reportValidity()) return;
            loadInto(fill(result), () => api.post("/api/repositories/validate", wish()), validation);
        } }, icon("check"), t("repositories.validate"));
        const add = h("button", { class: "primary" }, icon("plus"), t("repositories.add"));
        const form = h("form", { onsubmit: async (event) => {
            event.preventDefault();
            const made = await busy(add, () => api.post("/api/repositories", wish()));
            if (!made) return;
            tell(t("repositories.added", { name: made.name }), { kind: "good" });
            form.reset();
            choices();
            fill(result);
            this.#load();
        } }, h("div", { class: "fields" },
            field(t("repositories.address"), address, t("repositories.address.text")),
            field(t("repositories.name"), name), keys,
            field(t("publishing.description"), description), field(t("repositories.period"), period)),
        result, h("div", { class: "actions" }, tryIt, add));
        choices();
        return section(t("repositories.add"), h("p", { class: "faint" }, t("repositories.add.text")), form);
    }
}

function periods(current) {
    const known = PERIODS.includes(current ?? 0) ? PERIODS : [...PERIODS, current].sort((a, b) => a - b);
    return known.map((seconds) => [String(seconds), seconds === 0 ? t("repositories.never") : t("repositories.every", { span: span(seconds) })]);
}

const isRunning = (sync) => sync.status === "working" || sync.status === "pending";

/** What is wrong with single packages. */
function problems(list) {
    return list.length > 0 && h("details", {}, h("summary", {}, t("repositories.problems", { n: list.length })), h("ul", {}, list.map((text) => h("li", { class: "notes" }, text))));
}

function badgeOf({ sync, writable }) {
    const [picture, look, word] = isRunning(sync) ? ["busy", "info spins", "working"] : sync.error ? ["failed", "bad", "failed"] : sync.syncedAt ? ["running", "good", "good"] : ["absent", "faint", "new"];
    return [h("span", { class: `badge ${look}` }, icon(picture), h("span", {}, t(`repositories.state.${word}`))),
        !writable && h("span", { class: "tag" }, t("repositories.readonly"))];
}

/** What works with a repository, each as a line. */
export function validation(found) {
    const line = (key, good, needed) => h("li", {}, h("span", { class: `badge ${good ? "good" : needed ? "bad" : "faint"}` }, icon(good ? "running" : needed ? "failed" : "stopped"), h("span", {}, t(good ? "repositories.works" : "repositories.not"))), " ", t(`repositories.try.${key}`));
    return h("div", { class: "validation" },
        h("p", { class: found.ok ? "good" : "bad" }, icon(found.ok ? "check" : "failed"), h("strong", {}, found.ok ? t("repositories.ok") : t("repositories.bad", { code: found.error_code }))),
        h("ul", { class: "plain" }, line("readable", found.readable, true), line("listable", found.listable, false), line("writable", found.writable, false), line("conditional", found.conditional, false)),
        found.ok && h("p", {}, t(`repositories.index.${found.index}`, { n: count(found.packages) })),
        found.detail && h("p", { class: found.ok ? "faint" : "bad" }, found.detail));
}

customElements.define("repositories-list", RepositoriesList);
