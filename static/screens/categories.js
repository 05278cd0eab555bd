// The categories of the store: an administrator adds, renames and removes them.

import { attempt } from "../actions.js";
import { section } from "../components/about.js";
import { ask, field } from "../components/ask-dialog.js";
import { confirm } from "../components/confirm-dialog.js";
import { Part, fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { language, t } from "../i18n.js";
import { loadInto, placeholder } from "../messages.js";
import * as service from "./publishing-service.js";

class CategoriesList extends Part {
    build() {
        this.place = h("div", { "aria-live": "polite" });
        this.append(h("div", { class: "toolbar" }, h("p", { class: "faint room" }, t("categories.text")),
            h("button", { type: "button", class: "primary", onclick: () => this.#edit(null) }, icon("plus"), t("categories.add"))), section(t("publishing.categories"), this.place));
        this.#load();
    }

    #load() {
        return loadInto(this.place, service.categories, (list) => (list.length === 0 ? placeholder("empty", t("categories.none"))
            : h("ul", { class: "rows categories" }, list.map((category) => this.#row(category)))));
    }

    #row(category) {
        const name = service.categoryText(category, language());
        const fixed = category.category_id === "ctg-uncategorized";
        return h("li", { data: { category: category.category_id } },
            h("div", { class: "what" }, h("div", { class: "title" }, h("strong", {}, name), name !== category.name && h("code", {}, category.name)), category.description && h("p", {}, category.description)),
            h("div", { class: "actions" },
                h("button", { type: "button", class: "small", "aria-label": t("categories.edit.one", { name }), onclick: () => this.#edit(category) }, t("action.edit")),
                !fixed && h("button", { type: "button", class: "small", "aria-label": t("categories.remove", { name }), title: t("categories.remove", { name }), onclick: () => this.#remove(category, name) }, icon("trash"))));
    }

    async #edit(category) {
        const text = (value, properties = {}) => h("input", { type: "text", value, maxlength: 200, autocomplete: "off", ...properties });
        const name = text(category?.name ?? "", { required: true });
        const zh = text(category ? service.categoryText(category, "zh") : "");
        const en = text(category ? service.categoryText(category, "en") : "");
        const description = text(category?.description ?? "", { maxlength: 2000 });
        const done = await ask({
            title: category ? t("categories.edit") : t("categories.add"),
            more: h("div", { class: "fields" }, field(t("categories.name"), name, t("categories.name.text")), field("中文", zh), field("English", en), field(t("publishing.description"), description)),
            confirm: t("action.save"),
            send: () => {
                const names = Object.fromEntries([["zh", zh.value.trim()], ["en", en.value.trim()]].filter(([, value]) => value));
                const change = { name: name.value.trim(), locale: JSON.stringify(names), description: description.value.trim() };
                return category ? service.changeCategory({ category_id: category.category_id, ...change }) : service.addCategory(change);
            },
        });
        if (done) this.#load();
    }

    async #remove(category, name) {
        if (!await confirm({ title: t("categories.remove", { name }), text: t("categories.remove.text"), confirm: t("action.remove"), bad: true })) return;
        await attempt(() => service.removeCategory(category.category_id));
        this.#load();
    }
}

customElements.define("categories-list", CategoriesList);
