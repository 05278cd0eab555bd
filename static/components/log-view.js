// An app's output. However long it is, only the lines in the window are in the document. It follows;
// who scrolls up stays where they are and is told how many lines came since.

import * as api from "../api.js";
import { Part, fill, h, setAttribute, setText, show } from "../dom.js";
import { count } from "../format.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { failed, placeholder, tell } from "../messages.js";
import { LogLines } from "./log-lines.js";
import { searchField } from "./search-field.js";

/** Height of a line; the stylesheet has the same. */
const LINE = 18;
/** Browsers cannot scroll through more. */
const HIGHEST = 12_000_000;
/** Nobody reads faster, and each picture costs. */
const PACE = 100;
/** Beyond these a line is cut in the window without `wrap`. */
const WIDEST = 4000;

class LogView extends Part {
    #lines;
    #follows = true;
    #wraps = false;
    #query = "";
    #case = false;
    #found = -1;
    #since = 0;
    #longest = 0;
    #rows = [];
    #drawn = 0;
    #timer = 0;
    #placed = -1;

    /** The app whose output it is. */
    set app(name) {
        this.name = name;
    }

    build() {
        this.#lines = new LogLines(this.name, () => this.#soon());
        this.spacer = h("div", { class: "spacer" });
        this.layer = h("div", { class: "layer" });
        this.spacer.append(this.layer);
        this.window = h("div", { class: "window", tabindex: "0", role: "region", "aria-label": t("log.label", { name: this.name }) }, this.spacer);
        this.message = h("div", { class: "log-message" });
        this.newer = h("button", { type: "button", class: "newer primary", hidden: true, onclick: () => this.#toEnd() }, icon("down"), h("span"));
        this.status = h("span", { class: "faint", role: "status" });
        this.search = searchField(t("log.search"), (text) => this.#searchFor(text), { pause: 250 });
        this.search.input.addEventListener("keydown", (event) => {
            if (event.key === "Enter" && !event.isComposing && this.#query) {
                event.preventDefault();
                this.#next(!event.shiftKey);
            }
        });
        const toggle = (name, label, change) => {
            const button = h("button", { type: "button", class: "toggle", "aria-pressed": "false", title: label, onclick: () => {
                const on = button.getAttribute("aria-pressed") !== "true";
                setAttribute(button, "aria-pressed", String(on));
                change(on);
            } }, name instanceof Node ? name : icon(name), h("span", { class: "label" }, label));
            return button;
        };
        this.followButton = toggle("down", t("log.follow"), (on) => (on ? this.#toEnd() : this.#pause()));
        setAttribute(this.followButton, "aria-pressed", "true");
        this.append(
            h("div", { class: "toolbar" },
                this.search,
                h("button", { type: "button", class: "quiet", "aria-label": t("log.previous"), title: t("log.previous"), onclick: () => this.#next(true) }, icon("up")),
                h("button", { type: "button", class: "quiet", "aria-label": t("log.next"), title: t("log.next"), onclick: () => this.#next(false) }, icon("down")),
                this.status,
                h("span", { class: "room" }),
                this.followButton,
                toggle("wrap", t("log.wrap"), (on) => this.#wrap(on)),
                h("a", { class: "button", href: api.app(this.name, "log", "download"), download: `${this.name}.log`, "aria-label": t("log.download"), title: t("log.download") }, icon("download"), h("span", { class: "label" }, t("log.download")))),
            h("div", { class: "frame" }, this.window, this.message, this.newer));
        this.listen(this.window, "scroll", () => this.#scrolled(), { passive: true });
        // A page that nobody sees needs no connection of its own: a browser has few.
        this.listen(document, "visibilitychange", () => (document.hidden ? this.#lines.close() : this.#lines.open()));
        const size = new ResizeObserver(() => this.changed());
        size.observe(this.window);
        this.atEnd(() => size.disconnect());
        this.atEnd(() => this.#lines.close());
        this.atEnd(() => clearTimeout(this.#timer));
        this.#lines.open();
    }

    /** A picture at most every so often. */
    #soon() {
        if (this.#timer || document.hidden) return;
        const wait = Math.max(0, PACE - (performance.now() - this.#drawn));
        this.#timer = setTimeout(() => {
            this.#timer = 0;
            this.changed();
        }, wait);
    }

    update() {
        const log = this.#lines;
        if (!log) return;
        this.#drawn = performance.now();
        const lines = log.total - log.first;
        this.#showMessage(lines);
        // More lines than a browser can scroll through are scrolled through faster.
        const high = Math.min(Math.max(lines * LINE, 1), HIGHEST);
        const view = this.window.clientHeight;
        if (this.#high !== high) {
            this.#high = high;
            this.spacer.style.height = `${high}px`;
        }
        this.layer.style.height = `${Math.min(view, high)}px`;
        if (this.#follows) {
            this.#since = log.total;
            const end = Math.max(0, high - view);
            if (Math.abs(this.window.scrollTop - end) > 1) {
                this.window.scrollTop = end;
                this.#placed = this.window.scrollTop;
            }
        }
        this.#draw(view, high, lines);
        const news = log.total - this.#since;
        show(this.newer, !this.#follows && news > 0);
        if (news > 0) setText(this.newer.lastChild, t("log.new", { n: news, count: count(news) }));
    }

    #high = 0;

    #draw(view, high, lines) {
        const log = this.#lines;
        const inWindow = Math.ceil(view / LINE) + 1;
        const most = Math.max(0, high - view);
        const scrolled = Math.min(this.window.scrollTop, most);
        const last = Math.max(0, lines - view / LINE);
        const exact = most > 0 ? (scrolled / most) * last : 0;
        const atEnd = this.#follows || scrolled >= most - 1;
        const begin = Math.floor(exact);
        const amount = Math.min(lines, atEnd && this.#wraps ? inWindow : Math.min(inWindow, lines - begin));
        const from = log.first + (atEnd && this.#wraps ? lines - amount : begin);
        while (this.#rows.length < amount) {
            const row = h("div", { class: "line" });
            this.#rows.push(row);
            this.layer.append(row);
        }
        while (this.#rows.length > amount) this.#rows.pop().remove();
        let longest = this.#longest;
        for (let index = 0; index < amount; index += 1) {
            const number = from + index;
            const text = log.line(number);
            if (this.#write(this.#rows[index], number, text)) longest = Math.max(longest, columns(text ?? ""));
        }
        if (longest !== this.#longest) {
            this.#longest = longest;
            this.spacer.style.setProperty("--columns", Math.min(longest, WIDEST));
        }
        this.layer.classList.toggle("end", atEnd && this.#wraps && amount === inWindow);
        const shift = this.#wraps || atEnd ? (atEnd && !this.#wraps ? -Math.max(0, amount * LINE - view) : 0) : -(exact - begin) * LINE;
        const transform = shift ? `translateY(${shift.toFixed(1)}px)` : "";
        if (this.#transform !== transform) {
            this.#transform = transform;
            for (const row of this.#rows) row.style.transform = transform;
        } else if (transform) {
            for (const row of this.#rows) if (row.style.transform !== transform) row.style.transform = transform;
        }
    }

    #transform = "";

    /** Writes a line, unless it stands there already. */
    #write(row, number, text) {
        const mark = number === this.#found;
        const key = `${this.#query}\n${this.#case}`;
        if (row.shownText === text && row.shownKey === key && row.shownMark === mark) return false;
        if (row.shownMark !== mark) row.classList.toggle("found", mark);
        row.shownText = text;
        row.shownKey = key;
        row.shownMark = mark;
        const words = text ?? "…";
        if (!this.#query || text === undefined) {
            setText(row, words);
            return true;
        }
        const parts = marked(words, this.#query, this.#case);
        if (parts) fill(row, parts);
        else setText(row, words);
        return true;
    }

    #showMessage(lines) {
        const log = this.#lines;
        const kind = log.error ? `error ${log.error.message}` : !log.loaded ? "loading" : lines === 0 ? "empty" : "";
        if (this.#message === kind) return;
        this.#message = kind;
        show(this.message, kind !== "");
        if (log.error) fill(this.message, failed(log.error, () => log.open()));
        else if (kind === "loading") fill(this.message, placeholder("loading", t("loading")));
        else if (kind === "empty") fill(this.message, placeholder("empty", t("log.empty"), t("log.empty.text")));
        else fill(this.message);
    }

    #message = null;

    #scrolled() {
        // Scrolling that we did ourselves says nothing, once: somebody may come back to the same place.
        const isOwn = this.window.scrollTop === this.#placed;
        this.#placed = -1;
        if (isOwn) return;
        const atEnd = this.window.scrollTop >= this.window.scrollHeight - this.window.clientHeight - LINE / 2;
        if (atEnd !== this.#follows) {
            if (atEnd) this.#followAgain();
            else this.#pause();
        }
        this.changed();
    }

    #pause() {
        this.#follows = false;
        this.#since = this.#lines.total;
        setAttribute(this.followButton, "aria-pressed", "false");
    }

    #followAgain() {
        this.#follows = true;
        setAttribute(this.followButton, "aria-pressed", "true");
    }

    #toEnd() {
        this.#found = -1;
        this.#followAgain();
        this.changed();
    }

    #wrap(on) {
        this.#wraps = on;
        this.window.classList.toggle("wraps", on);
        for (const row of this.#rows) row.style.transform = "";
        this.#transform = "";
        this.changed();
    }

    /** Shows a line in the middle of the window. */
    #goTo(number) {
        this.#pause();
        this.#found = number;
        const log = this.#lines;
        const view = this.window.clientHeight;
        const lines = log.total - log.first;
        const most = Math.max(0, this.#high - view);
        const last = Math.max(1, lines - view / LINE);
        const top = Math.max(0, number - log.first - Math.floor(view / LINE / 2));
        this.window.scrollTop = Math.min(most, (top / last) * most);
        this.#placed = this.window.scrollTop;
        this.changed();
    }

    #searchFor(text) {
        this.#query = text;
        this.#found = -1;
        // Capitals are meant when one is typed.
        this.#case = text !== text.toLowerCase();
        setText(this.status, "");
        if (text) this.#next(true);
        else this.changed();
    }

    /** The next place where the text is: upwards, or downwards. */
    async #next(up) {
        if (!this.#query) {
            this.search.input.focus();
            return;
        }
        const log = this.#lines;
        const query = this.#query;
        const begin = this.#found >= 0 ? this.#found + (up ? -1 : 1) : up ? log.total - 1 : log.first;
        setText(this.status, t("log.searching"));
        let from = begin;
        let turned = false;
        for (;;) {
            const found = await this.#ask(query, from, up);
            if (!found || query !== this.#query) return;
            const match = found.matches[0];
            if (match) {
                setText(this.status, t(turned ? "log.found.turned" : "log.found", { line: count(match.line - log.first + 1) }));
                this.#goTo(match.line);
                return;
            }
            from = found.next;
            if (from === null) {
                // Once round: what stands on the other side.
                if (turned) break;
                turned = true;
                from = up ? log.total - 1 : log.first;
            }
        }
        this.#found = -1;
        setText(this.status, t("log.notfound"));
        this.changed();
    }

    async #ask(find, from, up) {
        const query = { find, from: Math.max(from, this.#lines.first), limit: 1, case: this.#case };
        if (up) query.up = true;
        if (from < this.#lines.first) return { matches: [], next: null };
        try {
            return await api.get(api.path(api.app(this.name, "log", "search"), [], query));
        } catch (error) {
            setText(this.status, "");
            tell(error.message, { kind: "bad" });
            return null;
        }
    }
}

/** Chinese, Japanese and Korean letters are twice as wide. */
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/g;

/** How many columns a line takes. */
const columns = (text) => text.length + (text.match(WIDE)?.length ?? 0);

/** A line with the places of a text marked; nothing when it is not in it. */
function marked(line, query, exact) {
    const where = exact ? line : line.toLowerCase();
    const what = exact ? query : query.toLowerCase();
    // A text that grows in lower case cannot be marked by its places.
    if (where.length !== line.length) return null;
    const parts = [];
    let from = 0;
    for (let at = where.indexOf(what); at >= 0 && parts.length < 200; at = where.indexOf(what, from)) {
        parts.push(line.slice(from, at), h("mark", {}, line.slice(at, at + what.length)));
        from = at + what.length;
    }
    if (parts.length === 0) return null;
    parts.push(line.slice(from));
    return parts;
}

customElements.define("log-view", LogView);

/** The output of an app. */
export function logView(app) {
    const view = document.createElement("log-view");
    view.app = app;
    return view;
}
