// One app of the catalogs, before it is installed: what it is, its versions, where it comes from.

import * as api from "../api.js";
import { aboutOffer, head } from "../components/about.js";
import { Part, h } from "../dom.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { loadInto } from "../messages.js";
import { link } from "../router.js";

class OfferScreen extends Part {
    build() {
        this.place = h("div");
        this.append(h("p", { class: "back" }, h("a", { href: link("catalog") }, icon("back"), t("nav.catalog"))), h("h1", { tabindex: "-1" }, this.name), this.place);
        loadInto(this.place, async () => {
            const offer = await api.offer(this.name);
            if (!offer) throw new api.ApiError(t("install.nowhere", { name: this.name }), 404);
            return offer;
        }, (offer) => [
            head(offer, offer.installed === null
                ? h("a", { class: "button primary", href: link("install", this.name) }, icon("download"), t("action.install"))
                : h("a", { class: "button", href: link("app", this.name) }, t("catalog.installed.show"))),
            aboutOffer(offer),
        ]);
    }
}

customElements.define("offer-screen", OfferScreen);
