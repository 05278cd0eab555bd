// The review queue of an administrator: what waits, what it would do on a computer, what changed since
// the version in the store; and the versions in the store, which can be suspended.

import { appIcon } from "../components/app-icon.js";
import { effects, facts, section } from "../components/about.js";
import { difference } from "../components/difference.js";
import { Part, fill, h, setText, show } from "../dom.js";
import { ago, bytes, count } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { failed, loadInto, placeholder, tell } from "../messages.js";
import { go, link } from "../router.js";
import { back, busy, fullName, history, operator, releaseBadge, rows, versionActions, versionFacts, warnings } from "./publishing-parts.js";
import * as service from "./publishing-service.js";

const WAITING = "submitted,in-review";
const IN_STORE = "active,suspended";

class ReviewQueue extends Part {
    build() {
        this.note = h("div", { "aria-live": "polite" }, placeholder("loading", t("loading")));
        this.queue = h("ul", { class: "rows" });
        this.none = placeholder("empty", t("review.none"), t("review.none.text"));
        this.store = h("ul", { class: "rows" });
        this.nothing = placeholder("empty", t("review.store.none"));
        this.all = h("div", { hidden: true },
            section(t("review.queue"), h("p", { class: "faint" }, t("review.queue.text")), this.queue, this.none),
            section(t("review.store"), this.store, this.nothing));
        this.append(this.note, this.all);
        this.every(15_000, () => this.#load());
    }

    async #load() {
        try {
            const [waiting, there] = await Promise.all([service.versions({ status: WAITING }), service.versions({ status: IN_STORE })]);
            const apps = await appsOf([...waiting, ...there]);
            if (!this.isConnected) return;
            fill(this.note);
            show(this.all, true);
            show(this.none, waiting.length === 0);
            show(this.nothing, there.length === 0);
            const item = (version) => ({ version, app: apps.get(version.app_id), since: ago(service.when(version.status_time)) });
            // Who waits longest comes first.
            const queue = waiting.toSorted((a, b) => a.status_time.localeCompare(b.status_time));
            rows(this.queue, queue.map(item), idOf, (row, it) => this.#waiting(row, it));
            rows(this.store, there.map(item), idOf, (row, it) => this.#inStore(row, it));
        } catch (error) {
            if (!this.isConnected) return;
            show(this.all, false);
            fill(this.note, failed(error, () => this.#load()));
        }
    }

    #waiting(row, { version, app, since }) {
        row.dataset.version = version.version_id;
        fill(row, appIcon(app && service.picture(app, app.icon), 36),
            h("div", { class: "what" },
                h("div", { class: "title" }, h("a", { href: link("publishing", "review", version.version_id) }, fullName(version)), releaseBadge(version.status)),
                h("p", { class: "faint" }, [t("release.by", { name: operator(version.owner) }), t("review.waits", { ago: since }), bytes(version.size ?? 0)].join(" · "))),
            h("div", { class: "actions" }, h("a", { class: "button primary small", href: link("publishing", "review", version.version_id) }, icon("eye"), t("review.open"))));
    }

    #inStore(row, { version, app }) {
        row.dataset.version = version.version_id;
        fill(row, appIcon(app && service.picture(app, app.icon), 36),
            h("div", { class: "what" },
                h("div", { class: "title" }, h("a", { href: link("publishing", "app", version.app_id) }, fullName(version)), releaseBadge(version.status)),
                h("p", { class: "faint" }, versionFacts(version))),
            h("div", { class: "actions" }, versionActions(version, () => this.#load())));
    }
}

const idOf = ({ version }) => version.version_id;

/** The apps of versions, by their ids. */
async function appsOf(versions) {
    const ids = [...new Set(versions.map((version) => version.app_id))];
    if (ids.length === 0) return new Map();
    const { app_set: apps = [] } = await service.apps({ app_id: ids.join(",") });
    return new Map(apps.map((app) => [app.app_id, app]));
}

class ReviewVersion extends Part {
    build() {
        this.place = h("div");
        this.append(back(t("publishing.review"), "review"), h("h1", { tabindex: "-1" }, t("review.title")), this.place);
        this.#load();
    }

    #load() {
        return loadInto(this.place, async () => {
            const [version] = await service.versions({ version_id: this.version });
            if (!version) throw new Error(t("review.missing"));
            const [app, repositories] = await Promise.all([service.app(version.app_id), service.repositories()]);
            return { version, app, repository: repositories.find((it) => it.id === app.repo_id)?.name ?? app.repo_id };
        }, ({ version, app, repository }) => this.#draw(version, app, repository));
    }

    #draw(version, app, repository) {
        const title = this.querySelector("h1");
        setText(title, fullName(version));
        const found = h("div", { "aria-live": "polite" });
        loadInto(found, () => service.review(version.version_id), (result) => drawFound(result));
        return [
            h("div", { class: "app-head" }, appIcon(service.picture(app, app.icon), 56),
                h("div", { class: "what" }, h("p", {}, releaseBadge(version.status)), h("p", {}, app.description),
                    h("p", { class: "faint" }, versionFacts(version))),
                h("div", { class: "actions" }, h("a", { class: "button", href: service.packageAddress(version.version_id) }, icon("download"), t("release.download")))),
            this.#decision(version),
            section(t("review.facts"), facts([
                [t("publishing.notes"), version.description],
                [t("publishing.repository"), repository],
                [t("publishing.about.home"), app.home && h("a", { href: app.home, target: "_blank", rel: "noopener noreferrer" }, app.home)],
                [t("publishing.about.readme"), app.readme && h("pre", { class: "notes readme" }, app.readme)],
                ["SHA-256", version.sha256 && h("code", {}, version.sha256)],
            ]), warnings(version.warnings), history(version)),
            found,
        ];
    }

    /** Pass, or reject with a reason. */
    #decision(version) {
        const allowed = version.actions ?? [];
        if (!allowed.includes("pass")) return section(t("review.decision"), h("p", {}, t(`release.hint.${version.status}`)), h("div", { class: "actions" }, versionActions(version, () => this.#load())));
        const reason = h("textarea", { id: "review-reason", rows: 3, maxlength: 4000, "aria-describedby": "review-reason-text", oninput: () => reason.setCustomValidity("") });
        const decide = (action, button) => busy(button, async () => {
            await service.act(version.version_id, action, reason.value.trim());
            tell(t(`release.done.${action}`, { name: fullName(version) }), { kind: "good" });
            // Whoever went elsewhere meanwhile stays there.
            if (this.isConnected) go("publishing", "review");
        });
        const pass = h("button", { type: "button", class: "primary", data: { action: "pass" }, onclick: () => decide("pass", pass) }, icon("check"), t("release.action.pass"));
        const reject = h("button", { type: "button", class: "danger", data: { action: "reject" }, onclick: () => {
            if (!reason.value.trim()) {
                reason.setCustomValidity(t("review.reason.needed"));
                reason.reportValidity();
                return;
            }
            decide("reject", reject);
        } }, icon("failed"), t("release.action.reject"));
        const begin = h("button", { type: "button", onclick: () => busy(begin, async () => {
            await service.act(version.version_id, "review");
            this.#load();
        }) }, icon("eye"), t("release.action.review"));
        return section(t("review.decision"), h("div", { class: "fields" },
            h("div", { class: "field" }, h("label", { for: "review-reason" }, t("release.reason")), h("div", { class: "control" }, reason), h("p", { class: "description", id: "review-reason-text" }, t("review.reason.text")))),
        h("div", { class: "actions" }, allowed.includes("review") && begin, allowed.includes("reject") && reject, allowed.includes("pass") && pass));
    }
}

/** What it would do, and what changed. */
function drawFound({ effects: found, changes, problems, unreadable }) {
    return [
        unreadable && h("p", { class: "bad" }, icon("failed"), unreadable),
        (problems ?? []).length > 0 && section(t("review.problems"), warnings(problems.map((it) => it.message ?? it))),
        found && effects(found),
        changes && section(changes.since ? t("review.changes", { version: changes.since }) : t("review.first"), drawChanges(changes)),
    ];
}

function drawChanges({ since, files, omitted }) {
    if (files.length === 0) return h("p", { class: "faint" }, t("review.same"));
    const changed = files.filter((file) => file.diff);
    return [
        h("p", { class: "faint" }, since ? t("review.changes.text", { n: count(files.length) }) : t("review.first.text", { n: count(files.length) })),
        h("ul", { class: "files" }, files.map((file) => h("li", {}, file.diff
            // The manifests are what one looks at first.
            ? h("details", { open: changed.length === 1 || /(^|\/)(install|store)\.json$/.test(file.path) }, h("summary", {}, named(file)), difference(file.diff))
            : named(file)))),
        omitted > 0 && h("p", { class: "faint" }, t("review.omitted", { n: count(omitted) })),
    ];
}

function named(file) {
    return h("span", { class: "file" }, h("code", {}, file.path), h("span", { class: "tag" }, t(`review.file.${file.change}`)),
        h("span", { class: "faint" }, sizes(file)));
}

function sizes({ before, after }) {
    if (before !== null && after !== null && before !== undefined && after !== undefined && before !== after) return `${bytes(before)} → ${bytes(after)}`;
    return bytes(after ?? before ?? 0);
}

customElements.define("review-queue", ReviewQueue);
customElements.define("review-version", ReviewVersion);
