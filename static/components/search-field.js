// A field to search with: as one types, but not while an input method composes.

import { h } from "../dom.js";
import { icon } from "../icons.js";

const PAUSE = 120;

/** A field; `search` is called with the text when it changed and the typing pauses. */
export function searchField(label, search, { value = "", pause = PAUSE } = {}) {
    let timer = 0;
    let last = value;
    const tell = () => {
        clearTimeout(timer);
        if (input.value === last) return;
        last = input.value;
        search(last);
    };
    const soon = () => {
        clearTimeout(timer);
        timer = setTimeout(tell, pause);
    };
    const input = h("input", {
        type: "search", placeholder: label, "aria-label": label, value, autocomplete: "off", spellcheck: "false",
        oninput: (event) => {
            // What is being composed is not yet what is meant.
            if (!event.isComposing) soon();
        },
        oncompositionend: soon,
        onkeydown: (event) => {
            if (event.key === "Enter" && !event.isComposing) tell();
        },
    });
    return Object.assign(h("span", { class: "search" }, icon("search"), input), { input });
}

/** `/` puts the cursor into the search field of the screen. */
addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, textarea, select, dialog")) return;
    const field = document.querySelector("main input[type=search]");
    if (!field) return;
    event.preventDefault();
    field.focus();
});
