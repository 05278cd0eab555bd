// Publishing: my apps, the review queue, repositories, categories, accounts, statistics; and signing
// in, when the store has accounts.

import { attempt } from "../actions.js";
import { field } from "../components/ask-dialog.js";
import { Part, fill, h, setAttribute, setText, show } from "../dom.js";
import { count } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { failed, placeholder } from "../messages.js";
import { link } from "../router.js";
import { heading } from "./heading.js";
import { is, loadSession, session, signIn, signOut, versions } from "./publishing-service.js";
import "./categories.js";
import "./publishing-app.js";
import "./publishing-apps.js";
import "./publishing-statistics.js";
import "./publishing-upload.js";
import "./repositories.js";
import "./review.js";
import "./users.js";

/** The lists: the part of the address, and who may see it. */
const TABS = [
    ["apps", () => is("developer")],
    ["review", () => is("admin")],
    ["repositories", () => is("developer")],
    ["categories", () => is("admin")],
    ["users", () => session.accounts && is("admin")],
    ["statistics", () => is("admin")],
    ["account", () => session.accounts],
];

/** What is not a list stands without the tabs. */
const DETAILS = ["app", "new", "version"];

/** The element of each section. */
function sectionOf([first = "apps", second, third], query) {
    switch (first) {
        case "app": return ["publishing-app", { app: second ?? "", query }];
        case "new": return ["publishing-upload", { app: null, version: null, query }];
        case "version": return ["publishing-upload", { app: second ?? "", version: third ?? null, query }];
        case "review": return second ? ["review-version", { version: second }] : ["review-queue", {}];
        case "repositories": return ["repositories-list", {}];
        case "categories": return ["categories-list", {}];
        case "users": return ["users-list", { name: second ?? null }];
        case "statistics": return ["publishing-statistics", {}];
        case "account": return ["account-section", {}];
        default: return ["publishing-apps", { query }];
    }
}

class PublishingScreen extends Part {
    build() {
        this.place = h("div", { class: "publishing" });
        this.append(this.place);
        this.#begin();
    }

    async #begin() {
        fill(this.place, heading(t("nav.publishing")), placeholder("loading", t("loading")));
        try {
            await loadSession();
        } catch (error) {
            if (this.isConnected) fill(this.place, heading(t("nav.publishing")), failed(error, () => this.#begin()));
            return;
        }
        if (this.isConnected) this.#show();
    }

    /** The address names another section. */
    moved() {
        this.#show();
        (this.querySelector("h1") ?? this).focus({ preventScroll: true });
        scrollTo(0, 0);
    }

    #show() {
        if (session.accounts && !session.role) {
            fill(this.place, heading(t("nav.publishing")), signInForm());
            return;
        }
        const [first = ""] = this.parts;
        const open = TABS.filter(([, may]) => may());
        // Who publishes nothing comes to what is his.
        const own = is("developer") ? [] : ["account"];
        const known = DETAILS.includes(first) || TABS.some(([name]) => name === first);
        const parts = known ? this.parts : own;
        const section = parts[0] || "apps";
        const tab = open.find(([name]) => name === section);
        if (TABS.some(([name]) => name === section) && !tab) {
            fill(this.place, heading(t("nav.publishing")), this.#tabs(open, section), placeholder("empty", t("publishing.denied"), t("publishing.denied.text")));
            return;
        }
        const [tag, properties] = sectionOf(parts, this.query);
        const element = Object.assign(document.createElement(tag), properties);
        const isList = tab && parts.length < 2;
        fill(this.place, isList && [heading(t("nav.publishing")), this.#tabs(open, section)], element);
        const title = this.querySelector("h1");
        if (title && isList) title.dataset.title = `${t("nav.publishing")} · ${t(`publishing.${section}`)}`;
    }

    #tabs(open, section) {
        const tabs = new Map(open.map(([name]) => [name, h("a", {
            href: name === "apps" ? link("publishing") : link("publishing", name), "aria-current": name === section ? "page" : null,
        }, t(`publishing.${name}`))]));
        if (tabs.has("review")) countWaiting(tabs.get("review"));
        return h("nav", { class: "tabs", "aria-label": t("publishing.tabs") }, [...tabs.values()]);
    }
}

/** How many versions wait for a review. */
async function countWaiting(tab) {
    // Without a number the tab still can be opened.
    const waiting = await versions({ status: "submitted,in-review" }).catch(() => []);
    if (waiting.length > 0) tab.append(" ", h("span", { class: "count" }, count(waiting.length)));
}

/** Asks who it is. */
function signInForm() {
    const name = h("input", { type: "text", required: true, autocomplete: "username", spellcheck: "false", autocapitalize: "none" });
    const password = h("input", { type: "password", required: true, autocomplete: "current-password" });
    const reason = h("span");
    const refusal = h("p", { class: "bad", role: "alert", hidden: true }, icon("failed"), reason);
    const button = h("button", { class: "primary" }, icon("lock"), t("account.signin"));
    return h("form", { class: "section sign-in", onsubmit: async (event) => {
        event.preventDefault();
        setAttribute(button, "disabled", true);
        show(refusal, false);
        try {
            await signIn(name.value.trim(), password.value);
            // Every part of the page was refused until now.
            location.reload();
            return;
        } catch (error) {
            setText(reason, error.isSilence ? t("connection.silent") : error.message);
            show(refusal, true);
            password.select();
        }
        setAttribute(button, "disabled", null);
    } }, h("h2", {}, t("account.signin")), h("p", { class: "faint" }, t("account.signin.text")),
    h("div", { class: "fields" }, field(t("account.name"), name), field(t("account.password"), password)),
    refusal, h("div", { class: "actions" }, button));
}

/** Who is signed in, his own tokens and password. */
class AccountSection extends Part {
    build() {
        const out = h("button", { type: "button", onclick: async () => {
            await attempt(signOut);
            location.reload();
        } }, t("account.signout"));
        this.append(h("section", { class: "section" }, h("h2", {}, t("account.signedin", { name: session.name })),
            h("p", {}, t(`account.role.${session.role}`), " – ", t(`account.may.${session.role}`)),
            h("div", { class: "actions" }, out)),
        Object.assign(document.createElement("user-details"), { name: session.name }));
    }
}

customElements.define("account-section", AccountSection);
customElements.define("publishing-screen", PublishingScreen);
