// The service speaks English. What it says is shown in the page's language where its sentence is known.

import { phrasebook } from "./i18n.js";

const MOST_KNOWN = 500;

let book = null;
let phrases = [];
const known = new Map();

/** What the service said, in the page's language. */
export function said(sentence) {
    if (book !== phrasebook()) {
        book = phrasebook();
        phrases = Object.entries(book ?? {}).map(([english, own]) => ({ shape: shapeOf(english), own, fixed: english.replace(/\{\d\}/g, "").length }));
        // The longer one says more: "the server answers" comes before what every failed download begins with.
        phrases.sort((a, b) => b.fixed - a.fixed);
        known.clear();
    }
    if (!book || typeof sentence !== "string") return sentence;
    if (!known.has(sentence)) {
        if (known.size >= MOST_KNOWN) known.clear();
        known.set(sentence, translate(sentence));
    }
    return known.get(sentence);
}

function shapeOf(english) {
    const parts = english.split(/\{\d\}/).map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    return new RegExp(`^${parts.join("([\\s\\S]*?)")}$`);
}

function translate(sentence) {
    for (const { shape, own } of phrases) {
        const found = shape.exec(sentence);
        // A part may be a sentence itself: the cause of a failure.
        if (found) return own.replace(/\{(\d)\}/g, (_, number) => translate(found[number]));
    }
    return sentence;
}
