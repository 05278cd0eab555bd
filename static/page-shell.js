// The frame around every screen: navigation, strips about the connection and about pages that want
// in, messages, and the window's title and icon.

import * as api from "./api.js";
import { attempt } from "./actions.js";
import { boot, file } from "./boot.js";
import { place as placeMenu } from "./components/menu-button.js";
import { Part, fill, h, keyed, setAttribute, setText, show, whenIdle } from "./dom.js";
import { ago, reasonWords } from "./format.js";
import { icon } from "./icons.js";
import { onLanguage, t } from "./i18n.js";
import { messagesCorner, placeholder, tell } from "./messages.js";
import { link, onPlace, place } from "./router.js";
import { isInTrouble, on, hasEnded, loadNotices, loadOrigins, store } from "./store.js";
import "./screens/installed.js";

/** Where each screen is. The first one comes with the page, the others when there is time for it. */
const SCREENS = {
    "app-screen": () => import("./screens/app.js"),
    "catalog-screen": () => import("./screens/catalog.js"),
    "install-screen": () => import("./screens/install.js"),
    "job-screen": () => import("./screens/job.js"),
    "jobs-screen": () => import("./screens/jobs.js"),
    "offer-screen": () => import("./screens/offer.js"),
    "ports-screen": () => import("./screens/ports.js"),
    "publishing-screen": () => import("./screens/publishing.js"),
    "settings-screen": () => import("./screens/settings.js"),
    "shelf-screen": () => import("./screens/shelf.js"),
    "sources-screen": () => import("./screens/sources.js"),
    "trash-screen": () => import("./screens/trash.js"),
    "updates-screen": () => import("./screens/updates.js"),
};

/** The screens that the navigation leads to. */
const ENTRIES = [
    ["", "apps", "nav.installed"],
    ["catalog", "catalog", "nav.catalog"],
    ["jobs", "jobs", "nav.jobs"],
    ["updates", "updates", "nav.updates"],
    ["sources", "sources", "nav.sources"],
    ["publishing", "publish", "nav.publishing"],
    ["shelf", "folder", "nav.shelf"],
    ["ports", "ports", "nav.ports"],
    ["trash", "trash", "nav.trash"],
    ["settings", "settings", "nav.settings"],
];

/** How many of them stand in the bar of a narrow window. */
const IN_BAR = 4;

/** The element of each screen; what stands behind the first part is the screen's own. */
function screenOf({ parts, query }) {
    const [first, second, third] = parts;
    switch (first) {
        case undefined: return ["installed-screen", {}];
        case "catalog": return second ? ["offer-screen", { name: second }] : ["catalog-screen", {}];
        case "app": return second ? ["app-screen", { name: second, tab: third ?? "overview" }] : ["installed-screen", {}];
        case "install": return ["install-screen", { name: second ?? null, query }];
        case "jobs": return /^\d+$/.test(second ?? "") ? ["job-screen", { job: Number(second) }] : ["jobs-screen", {}];
        case "publishing": return ["publishing-screen", { parts: parts.slice(1), query }];
        case "updates": case "shelf": case "sources": case "ports": case "trash": case "settings": return [`${first}-screen`, {}];
        default: return ["installed-screen", {}];
    }
}

class PageShell extends Part {
    build() {
        this.main = h("main", { id: "main", tabindex: "-1" });
        this.strips = h("div", { class: "strips", "aria-live": "polite" });
        this.#frame();
        onPlace(() => this.#navigate(true));
        onLanguage(() => {
            this.#frame();
            this.#current = "";
            this.#navigate(false);
            this.update();
        });
        on("connection", () => this.#soon());
        on("back", ({ restarted }) => tell(t(restarted ? "connection.restarted" : "connection.back"), { kind: "good", key: "connection" }));
        for (const topic of ["list", "status", "jobs", "updates", "origins"]) on(topic, () => this.#soon());
        on("notices", (notice) => {
            this.#soon();
            if (!notice) return;
            this.#announce(notice);
            if (!this.notices.matches(":popover-open")) return;
            this.#fillNotices();
            this.#seen();
        });
        const unfolded = () => this.list.dataset.open === "true";
        addEventListener("pointerdown", (event) => {
            if (unfolded() && !this.list.contains(event.target) && !this.further.contains(event.target)) this.#unfold(false);
        });
        addEventListener("keydown", (event) => {
            if (event.key !== "Escape" || !unfolded()) return;
            this.#unfold(false);
            this.further.focus();
        });
        // What a crash loop was is over after a while, without an event.
        setInterval(() => this.#soon(), 5000);
        this.#navigate(false);
        // Once they are here, they are also there while the service is away.
        whenIdle(() => { for (const load of Object.values(SCREENS)) load().catch(() => null); });
    }

    /** What does not change but by the language. */
    #frame() {
        const links = ENTRIES.map(([path, picture, text], index) => {
            const count = h("span", { class: "count", hidden: true });
            const entry = h("li", { class: index < IN_BAR ? "" : "further", vars: { "--place": ENTRIES.length - 1 - index } },
                h("a", { href: path ? link(path) : "#/" }, icon(picture), h("span", { class: "label" }, t(text)), count));
            return [path, entry, count];
        });
        this.links = new Map(links.map(([path, entry, count]) => [path, { anchor: entry.firstChild, count }]));
        this.list = h("ul", {}, links.map(([, entry]) => entry));
        this.further = h("button", { type: "button", class: "further-button", "aria-expanded": "false", onclick: () => this.#unfold(this.list.dataset.open !== "true") },
            icon("menu"), h("span", { class: "label" }, t("nav.more")));
        this.bell = h("button", { type: "button", class: "quiet bell", popovertarget: "notices" }, icon("bell"), h("span", { class: "label" }, t("notices")), h("span", { class: "count", hidden: true }));
        this.notices = h("div", { class: "menu notices", id: "notices", popover: "auto", role: "dialog", "aria-label": t("notices") });
        this.notices.addEventListener("toggle", (event) => {
            setAttribute(this.bell, "aria-expanded", String(event.newState === "open"));
            if (event.newState !== "open") return;
            this.#fillNotices();
            placeMenu(this.notices, this.bell);
            this.#seen();
        });
        const messages = messagesCorner();
        setAttribute(messages, "aria-label", t("messages.label"));
        fill(this,
            h("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); this.main.focus(); } }, t("nav.skip")),
            h("nav", { "aria-label": t("nav.label") },
                h("p", { class: "brand" }, h("img", { src: file("icon.svg"), alt: "", width: 22, height: 22 }), h("span", {}, "Storekeeper")),
                this.list, this.further, h("span", { class: "room" }), this.bell, this.notices,
                h("p", { class: "version faint" }, boot.version ? `${t("version")} ${boot.version}` : "")),
            h("div", { class: "content" }, this.strips, this.main),
            messages);
    }

    #current = "";

    #navigate(moved) {
        const now = place();
        const [tag, properties] = screenOf(now);
        // Tabs of one app are one screen.
        const key = `${tag} ${properties.name ?? ""} ${properties.job ?? ""}`;
        this.#unfold(false);
        if (key === this.#current) {
            const screen = this.main.firstElementChild;
            Object.assign(screen, properties);
            screen.moved?.();
        } else {
            this.#current = key;
            this.#enter(key, tag, properties, moved);
        }
        const section = now.parts[0] === "app" ? "" : now.parts[0] === "install" ? "catalog" : now.parts[0] ?? "";
        for (const [path, { anchor }] of this.links) setAttribute(anchor, "aria-current", path === section ? "page" : null);
        this.#soon();
    }

    async #enter(key, tag, properties, moved) {
        try {
            await SCREENS[tag]?.();
        } catch {
            // The service is away, and the screen was not yet here.
            if (this.#current !== key) return;
            this.#current = "";
            fill(this.main, placeholder("error", t("connection.silent"), t("connection.again"),
                h("button", { type: "button", onclick: () => this.#navigate(true) }, icon("restart"), t("action.again"))));
            return;
        }
        // Somebody went on meanwhile.
        if (this.#current !== key) return;
        fill(this.main, Object.assign(document.createElement(tag), properties));
        scrollTo(0, 0);
        // A reader of the screen hears where it is; nobody loses the focus to nothing.
        if (moved) (this.main.querySelector("h1") ?? this.main).focus({ preventScroll: true });
        this.#soon();
    }

    #unfold(open) {
        this.list.dataset.open = String(open);
        setAttribute(this.further, "aria-expanded", String(open));
    }

    /** Not before the next picture: a window in the background has none, and shows its title too. */
    #soon() {
        if (this.#waiting) return;
        this.#waiting = setTimeout(() => {
            this.#waiting = 0;
            this.update();
        }, 100);
    }

    #waiting = 0;

    update() {
        const trouble = [...store.apps.values()].filter(isInTrouble);
        const jobs = [...store.jobs.values()].filter((job) => !hasEnded(job)).length;
        this.#count("", trouble.length, "bad", "nav.trouble");
        this.#count("jobs", jobs, "info", "nav.jobs.running");
        this.#count("updates", store.updates, "info", "nav.updates.count");
        const unseen = store.notices.filter((notice) => !notice.seen).length;
        const bell = this.bell.querySelector(".count");
        show(bell, unseen > 0);
        setText(bell, unseen);
        setAttribute(this.bell, "aria-label", unseen > 0 ? t("notices.unseen", { n: unseen }) : t("notices"));
        this.#title(trouble.length);
        this.#showStrips();
    }

    #count(path, number, look, words) {
        const { count, anchor } = this.links.get(path);
        show(count, number > 0);
        count.className = `count ${look}`;
        setText(count, number);
        setAttribute(anchor, "aria-label", number > 0 ? `${anchor.querySelector(".label").textContent}, ${t(words, { n: number })}` : null);
    }

    #title(trouble) {
        const heading = this.main.querySelector("h1")?.dataset.title ?? this.main.querySelector("h1")?.textContent;
        const lost = store.connection === "lost";
        const title = [lost ? "⚠" : trouble > 0 ? `⚠ ${trouble}` : "", heading, "Storekeeper"].filter(Boolean).join(" · ");
        if (document.title !== title) document.title = title;
        const shown = document.querySelector("link[rel=icon]");
        const wanted = file(lost || trouble > 0 ? "icon-trouble.svg" : "icon.svg");
        if (shown && shown.href !== wanted) shown.href = wanted;
    }

    #showStrips() {
        const strips = [];
        // Whoever is not signed in gets no events either, and nothing else is the matter.
        if (store.error?.status === 401) strips.push({ key: "signin" });
        else if (store.connection === "lost") strips.push({ key: "lost" });
        for (const { origin } of store.origins?.refused ?? []) strips.push({ key: `origin ${origin}`, origin });
        keyed(this.strips, strips, ({ key }) => key, ({ key, origin }) => (origin ? pairing(origin) : key === "signin" ? signIn() : lost()));
    }

    #announced = new Set();

    #announce(notice) {
        const { text, kind, href } = noticeWords(notice);
        // An app that crashes on and on is told of once.
        if (this.#announced.has(notice.id)) return;
        this.#announced.add(notice.id);
        // Who asks to use the store stands in a strip already, and so does a crash among the apps.
        if (notice.kind === "origin" || (notice.kind === "crash" && !document.hidden && place().parts.length === 0)) return;
        // Whoever waits for a job sees how it went.
        if (!document.hidden && notice.job && ["jobs", "install"].includes(place().parts[0])) return;
        tell(text, { kind, action: href ? { text: t("action.show"), href } : null, key: `notice ${notice.app ?? notice.kind}` });
        if (document.hidden && "Notification" in window && Notification.permission === "granted") {
            const shown = new Notification("Storekeeper", { body: text, icon: file("icon-192.png"), tag: `${notice.kind} ${notice.app ?? ""}` });
            shown.onclick = () => {
                focus();
                if (href) location.hash = href;
                shown.close();
            };
        }
    }

    #fillNotices() {
        fill(this.notices,
            h("h2", {}, t("notices")),
            store.notices.length === 0 && h("p", { class: "faint" }, t("notices.none")),
            h("ul", {}, store.notices.slice(0, 30).map((notice) => {
                const { text, kind, href } = noticeWords(notice);
                const picture = icon({ bad: "warning", good: "check", info: "info" }[kind]);
                const inside = [picture, h("span", {}, text, h("span", { class: "faint" }, ago(notice.at)))];
                return h("li", { class: `${kind}${notice.seen ? "" : " unseen"}` },
                    href ? h("a", { href, onclick: () => this.notices.hidePopover() }, inside) : h("span", {}, inside));
            })));
    }

    async #seen() {
        const newest = store.notices[0]?.id;
        if (newest === undefined || store.notices.every((notice) => notice.seen)) return;
        await api.post("/api/notices/seen", { upTo: newest }).catch(() => null);
        loadNotices();
    }
}

/** What a notice says, in the language of the page. */
function noticeWords({ kind, app, job, message, data }) {
    switch (kind) {
        case "crash":
            return { text: t("notice.crash", { app, reason: reasonWords(data?.reason) }), kind: "bad", href: link("app", app) };
        case "job-failed":
            return { text: t("notice.failed", { app, what: t(`job.kind.${data?.kind}`) }), kind: "bad", href: link("jobs", job) };
        case "job-done":
            return { text: t("notice.done", { app, what: t(`job.kind.${data?.kind}`) }), kind: "good", href: link("jobs", job) };
        case "updates":
            return { text: t("notice.updates", { n: data?.apps?.length ?? 1, apps: (data?.apps ?? []).map((it) => it.name).join(t("list.comma")) }), kind: "info", href: link("updates") };
        case "origin":
            return { text: t("pairing.wants", { origin: data?.origin }), kind: "info", href: link("settings") };
        default:
            return { text: message, kind: "info", href: app ? link("app", app) : null };
    }
}

function lost() {
    return h("div", { class: "strip bad", role: "alert" }, icon("warning"),
        h("div", {}, h("strong", {}, t("connection.lost")), " ", t("connection.lost.text")));
}

function signIn() {
    return h("div", { class: "strip info" }, icon("lock"), h("div", {}, t("account.signin.text")),
        h("div", { class: "actions" }, h("a", { class: "button primary small", href: link("publishing") }, t("account.signin"))));
}

/** A page of another origin that was refused: it can be let in. */
function pairing(origin) {
    const answer = (allow) => attempt(async () => {
        store.origins = await api.post("/api/origins", { origin, allow });
        await loadOrigins();
    });
    const button = (allow, look = "") => h("button", { type: "button", class: look, onclick: () => answer(allow) }, t(`pairing.${allow}`));
    return h("div", { class: "strip info pairing" }, icon("lock"),
        h("div", {}, h("strong", {}, t("pairing.wants", { origin })), " ", t("pairing.text")),
        h("div", { class: "actions" }, button("once"), button("always", "primary"), button("block")));
}

customElements.define("page-shell", PageShell);
