// What the service wrote into the page: its version, and this start of it.

const text = document.querySelector('meta[name="boot"]')?.content;

/** `{ version, lang, theme, boot, events, home, pid, os, base, port }`. */
export const boot = parse(text);

function parse(text) {
    try {
        return JSON.parse(text);
    } catch {
        return {};
    }
}

/** The address of one of the page's own files. */
export const file = (name) => new URL(name, import.meta.url).href;
