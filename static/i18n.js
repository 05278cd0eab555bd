// The page's language: what the service says (it was chosen, or is the browser's), or what is chosen
// now.

const LANGUAGES = ["en", "zh"];

let current = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
let texts = await load(current);
const listeners = new Set();

async function load(tag) {
    return (await import(`./i18n/${tag}.js`)).default;
}

/** `en` or `zh`. */
export function language() {
    return current;
}

/** The service's sentences with those of this language; none in its own language. */
export function phrasebook() {
    return texts.service ?? null;
}

/** The browser's own: the first of its languages that we have. */
export function browserLanguage() {
    const known = navigator.languages.map((tag) => tag.toLowerCase().split("-")[0]).find((tag) => LANGUAGES.includes(tag));
    return known ?? "en";
}

/** Shows the page in a language. */
export async function useLanguage(tag) {
    if (tag === current) return;
    texts = await load(tag);
    current = tag;
    document.documentElement.lang = tag === "zh" ? "zh-CN" : "en";
    for (const listener of listeners) listener();
}

/** Tells when the language changed. */
export function onLanguage(listener) {
    listeners.add(listener);
}

/** Whether there is a text of this name. */
export function has(key) {
    return key in texts;
}

/**
 * A text of the page. `{name}` stands for one of `values`; a text with forms for one and many is
 * chosen by `n`.
 */
export function t(key, values) {
    let text = texts[key];
    if (text === undefined) return `⟦${key}⟧`;
    if (typeof text === "object") text = values?.n === 1 ? text.one : text.other;
    return values ? text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole) : text;
}

/** What an author wrote in both languages, or in one. */
export function own(texts) {
    if (!texts) return "";
    if (typeof texts === "string") return texts;
    return texts[current] ?? texts.en ?? texts.zh ?? "";
}
