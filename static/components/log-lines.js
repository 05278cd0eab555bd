// The lines of a log, of which a few pages are kept: those that were looked at last and the newest.

import * as api from "../api.js";

/** Lines of one page. */
const PAGE = 500;
/** Pages that are kept; a log has a million lines, a window a few dozen. */
const KEPT = 60;
/** Milliseconds between two tries. */
const PAUSE = 1000;

export class LogLines {
    #app;
    #changed;
    #pages = new Map();
    #wanted = new Map();
    #source = null;
    #epoch = null;
    #turn = 0;

    /** Lines of an app; `changed` is called when there are others. */
    constructor(app, changed) {
        this.#app = app;
        this.#changed = changed;
        this.first = 0;
        this.total = 0;
        this.loaded = false;
        this.error = null;
    }

    /** Loads the newest lines and follows what is appended. */
    async open() {
        const turn = this.#turn += 1;
        try {
            this.#take(await api.get(`${api.app(this.#app, "log")}?from=-${PAGE}&count=${PAGE}`));
            this.loaded = true;
            this.error = null;
        } catch (error) {
            if (this.loaded && turn === this.#turn) setTimeout(() => turn === this.#turn && this.open(), PAUSE);
            else this.error = error;
            this.#changed();
            return;
        }
        if (turn !== this.#turn) return;
        this.#source?.close();
        this.#source = new EventSource(`${api.app(this.#app, "log", "follow")}?from=${this.total}`);
        this.#source.addEventListener("lines", (event) => this.#take(JSON.parse(event.data)));
        this.#source.onerror = () => {
            // The browser tries again by itself unless it was refused.
            if (this.#source?.readyState === EventSource.CLOSED) setTimeout(() => turn === this.#turn && this.open(), PAUSE);
        };
    }

    /** Follows no longer. */
    close() {
        this.#turn += 1;
        this.#source?.close();
        this.#source = null;
    }

    /** One line; `undefined` while it is not here: it is asked for then. */
    line(number) {
        const index = Math.floor(number / PAGE);
        const page = this.#pages.get(index);
        const text = page?.[number - index * PAGE];
        if (text === undefined) this.#want(index);
        else if (page !== this.recent) {
            // Those that were looked at last stay longest.
            this.#pages.delete(index);
            this.#pages.set(index, page);
            this.recent = page;
        }
        return text;
    }

    /** Lines `from` up to `from + lines.length` are these. */
    #take({ epoch, first, total, from, lines, partial }) {
        if (epoch !== this.#epoch) {
            this.#epoch = epoch;
            this.#pages.clear();
        }
        this.first = first;
        this.total = Math.max(total, from + lines.length);
        for (const [offset, text] of lines.entries()) {
            const number = from + offset;
            const index = Math.floor(number / PAGE);
            let page = this.#pages.get(index);
            if (!page) this.#pages.set(index, page = []);
            page[number - index * PAGE] = text;
        }
        this.partial = partial;
        for (const index of this.#pages.keys()) {
            if (this.#pages.size <= KEPT) break;
            this.#pages.delete(index);
        }
        this.#changed();
    }

    async #want(index) {
        if (this.#wanted.has(index)) return;
        const from = Math.max(index * PAGE, this.first);
        this.#wanted.set(index, true);
        try {
            this.#take(await api.get(`${api.app(this.#app, "log")}?from=${from}&count=${(index + 1) * PAGE - from}`));
        } catch { /* It is asked for again when it is looked at again. */ } finally {
            // Not at once: a page that the service cannot give would be asked for without end.
            setTimeout(() => this.#wanted.delete(index), 500);
        }
    }
}
