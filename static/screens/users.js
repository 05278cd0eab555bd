// The accounts of the store: who may do what, and the tokens by which programs come in.

import { attempt } from "../actions.js";
import { section } from "../components/about.js";
import { ask, field } from "../components/ask-dialog.js";
import { confirm } from "../components/confirm-dialog.js";
import { copyButton } from "../components/copy-button.js";
import { Part, fill, h } from "../dom.js";
import { moment } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { loadInto, placeholder, tell } from "../messages.js";
import { link } from "../router.js";
import { back, choose } from "./publishing-parts.js";
import * as service from "./publishing-service.js";

const ROLES = ["user", "developer", "admin"];
const SHORTEST_PASSWORD = 8;

const roleSelect = (chosen, properties = {}) => choose(h("select", properties), ROLES.map((role) => [role, t(`account.role.${role}`)]), chosen);
const passwordField = () => h("input", { type: "password", required: true, minlength: SHORTEST_PASSWORD, maxlength: 256, autocomplete: "new-password" });

class UsersList extends Part {
    build() {
        if (this.name) {
            this.append(back(t("publishing.users"), "users"), h("h1", { tabindex: "-1" }, this.name), Object.assign(document.createElement("user-details"), { name: this.name }));
            return;
        }
        this.place = h("div", { "aria-live": "polite" });
        this.append(h("div", { class: "toolbar" }, h("p", { class: "faint room" }, t("users.text")),
            h("button", { type: "button", class: "primary", onclick: () => this.#add() }, icon("plus"), t("users.add"))), section(t("publishing.users"), this.place));
        this.#load();
    }

    #load() {
        return loadInto(this.place, service.users, (list) => h("ul", { class: "rows users" }, list.map((user) => this.#row(user))));
    }

    #row(user) {
        const self = user.name === service.session.name;
        const role = roleSelect(user.role, { "aria-label": t("users.role.of", { name: user.name }), disabled: self, onchange: async () => {
            const done = await attempt(() => service.changeUser({ name: user.name, role: role.value }));
            if (done) tell(t("users.changed", { name: user.name, role: t(`account.role.${role.value}`) }), { kind: "good" });
            this.#load();
        } });
        return h("li", { data: { user: user.name } },
            h("div", { class: "what" }, h("div", { class: "title" }, h("a", { href: link("publishing", "users", user.name) }, user.name), self && h("span", { class: "tag" }, t("users.self"))),
                h("p", { class: "faint" }, t("users.since", { at: moment(service.when(user.create_time)) }))),
            role,
            h("div", { class: "actions" }, h("button", { type: "button", class: "small", disabled: self, "aria-label": t("users.remove", { name: user.name }), title: t("users.remove", { name: user.name }), onclick: () => this.#remove(user) }, icon("trash"))));
    }

    async #add() {
        const name = h("input", { type: "text", required: true, maxlength: 64, autocomplete: "off", spellcheck: "false", autocapitalize: "none" });
        const password = passwordField();
        const role = roleSelect("developer");
        const done = await ask({
            title: t("users.add"),
            more: h("div", { class: "fields" }, field(t("account.name"), name), field(t("account.password"), password, t("account.password.text", { n: SHORTEST_PASSWORD })), field(t("users.role"), role)),
            confirm: t("users.add"),
            send: () => service.addUser({ name: name.value.trim(), password: password.value, role: role.value }),
        });
        if (done) this.#load();
    }

    async #remove({ name }) {
        if (!await confirm({ title: t("users.remove", { name }), text: t("users.remove.text"), confirm: t("action.remove"), bad: true })) return;
        await attempt(() => service.removeUser(name));
        this.#load();
    }
}

/** One account's password and tokens. */
class UserDetails extends Part {
    build() {
        this.place = h("div", { "aria-live": "polite" });
        this.fresh = h("div", { "aria-live": "polite" });
        const label = h("input", { type: "text", required: true, maxlength: 200, autocomplete: "off", placeholder: "CI" });
        const form = h("form", { class: "line-form", onsubmit: async (event) => {
            event.preventDefault();
            const made = await attempt(() => service.addToken(this.name, label.value.trim()));
            if (!made) return;
            form.reset();
            // It is told this once, and never again.
            fill(this.fresh, h("div", { class: "strip info" }, icon("lock"), h("div", {}, h("strong", {}, t("tokens.fresh")), " ", h("code", { class: "token" }, made.token)), copyButton(made.token)));
            this.#load();
        } }, h("label", { for: "token-label" }, t("tokens.label")), label, h("button", { class: "primary" }, icon("plus"), t("tokens.add")));
        label.id = "token-label";
        this.append(
            section(t("account.password"), h("button", { type: "button", onclick: () => this.#password() }, t("account.password.change"))),
            section(t("tokens"), h("p", { class: "faint" }, t("tokens.text")), this.place, this.fresh, form));
        this.#load();
    }

    #load() {
        return loadInto(this.place, () => service.tokens(this.name), (list) => (list.length === 0 ? placeholder("empty", t("tokens.none"))
            : h("ul", { class: "rows tokens" }, list.map((token) => h("li", {},
                h("div", { class: "what" }, h("strong", {}, token.label || t("tokens.unnamed")),
                    h("p", { class: "faint" }, t("users.since", { at: moment(service.when(token.create_time)) }), token.expires && ` · ${t("tokens.until", { at: moment(service.when(token.expires)) })}`)),
                h("div", { class: "actions" }, h("button", { type: "button", class: "small", "aria-label": t("tokens.revoke.one", { name: token.label || token.token_id }), onclick: async () => {
                    await attempt(() => service.removeToken(token.token_id));
                    this.#load();
                } }, t("tokens.revoke"))))))));
    }

    async #password() {
        const password = passwordField();
        const done = await ask({
            title: t("account.password.change"), text: t("account.password.change.text"),
            more: field(t("account.password.new"), password, t("account.password.text", { n: SHORTEST_PASSWORD })),
            confirm: t("action.save"),
            send: () => service.changeUser({ name: this.name, password: password.value }),
        });
        if (!done) return;
        tell(t("account.password.changed"), { kind: "good" });
        // One's own new password ends one's login here, too.
        if (this.name === service.session.name) location.reload();
    }
}

customElements.define("users-list", UsersList);
customElements.define("user-details", UserDetails);
