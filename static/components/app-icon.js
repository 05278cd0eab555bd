// The picture of an app; a letter where there is none.

import { file } from "../boot.js";
import { h } from "../dom.js";

/** The picture, decoration beside the name. */
export function appIcon(source, size = 36) {
    const fallback = file("app.svg");
    const image = h("img", { class: "app-icon", alt: "", width: size, height: size, loading: "lazy", decoding: "async", src: source || fallback });
    image.addEventListener("error", () => { if (image.src !== fallback) image.src = fallback; });
    return image;
}
