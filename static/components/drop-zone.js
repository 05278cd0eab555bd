// A place to drop files on, or to choose them by keyboard or pointer.

import { h } from "../dom.js";
import { icon } from "../icons.js";

let number = 0;

/** A place for files; `take` is given those that were dropped or chosen, at least one. */
export function dropZone(text, accept, take, { multiple = false } = {}) {
    const id = `drop-${number += 1}`;
    const give = (list) => {
        const files = [...list];
        if (files.length > 0) take(multiple ? files : files[0]);
    };
    const input = h("input", { type: "file", id, accept, multiple, onchange: () => {
        give(input.files);
        // The same file can be chosen again once it is corrected.
        input.value = "";
    } });
    const zone = h("label", { class: "drop", for: id }, icon("upload"), h("span", {}, text), input);
    zone.addEventListener("dragover", (event) => {
        event.preventDefault();
        zone.classList.add("over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
        event.preventDefault();
        zone.classList.remove("over");
        give(event.dataTransfer.files);
    });
    return zone;
}
