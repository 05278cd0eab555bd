// Small pictures, drawn with one stroke, beside a text that says the same.

import { svg } from "./dom.js";

const PATHS = {
    apps: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z",
    catalog: "M5 9l1-5h12l1 5M5 9v10a1 1 0 0 0 1 1h12a1 1 0 0 0 1-1V9M5 9h14M9 9v2a3 3 0 0 0 6 0V9",
    jobs: "M9 6h11M9 12h11M9 18h11M3.500 6l1 1 2-2.200M3.500 12l1 1 2-2.200M4.500 18h.8",
    updates: "M12 20V9M7 13l5-5 5 5M5 4h14",
    sources: "M4 6c0-1.700 3.600-3 8-3s8 1.300 8 3-3.600 3-8 3-8-1.300-8-3zM4 6v6c0 1.700 3.600 3 8 3s8-1.300 8-3V6M4 12v6c0 1.700 3.600 3 8 3s8-1.300 8-3v-6",
    publish: "M4 10v4h3l8 4V6l-8 4zM18 9.500a3.500 3.500 0 0 1 0 5",
    ports: "M9 3v5M15 3v5M6 8h12v4a6 6 0 0 1-12 0zM12 18v3",
    trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
    settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
    start: "M7 4.500v15l12-7.500z",
    stop: "M6 6h12v12H6z",
    restart: "M20 12a8 8 0 1 1-2.300-5.700L20 8.500M20 4v4.500h-4.500",
    open: "M13 4h7v7M20 4l-9 9M18 14v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1h5",
    more: "M5 12h.1M12 12h.1M19 12h.1",
    search: "M10.500 4a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13zM15.500 15.500L20 20",
    check: "M5 12.500l4.500 4.500L19 7",
    cross: "M6 6l12 12M18 6L6 18",
    warning: "M12 4L2.800 19.500h18.400zM12 10v4.500M12 17v.1",
    info: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM12 11v5M12 8v.1",
    failed: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM9 9l6 6M15 9l-6 6",
    running: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM8 12.300l2.800 2.800L16 9.500",
    stopped: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM9.500 9.500h5v5h-5z",
    busy: "M12 3a9 9 0 1 0 9 9",
    absent: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z",
    copy: "M9 9h11v11H9zM5 15H4V4h11v1",
    download: "M12 4v11M7 10.500l5 5 5-5M5 20h14",
    upload: "M12 16V5M7 9.500l5-5 5 5M5 20h14",
    wrap: "M4 6h16M4 12h13a3 3 0 0 1 0 6h-4M15 15.500L12.500 18l2.500 2.500M4 18h5",
    down: "M12 5v14M6 13l6 6 6-6",
    up: "M12 19V5M6 11l6-6 6 6",
    back: "M14 5l-7 7 7 7",
    next: "M9 5l7 7-7 7",
    plus: "M12 5v14M5 12h14",
    folder: "M3 6a1 1 0 0 1 1-1h5l2 2h9a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1z",
    eye: "M2.500 12s3.500-6.500 9.500-6.500S21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12zM12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6z",
    bell: "M6 16V10a6 6 0 0 1 12 0v6l1.500 2h-15zM10 20.500h4",
    lock: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
    undo: "M8 5L4 9l4 4M4 9h10a6 6 0 0 1 0 12h-4",
    clock: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zM12 7v5l3.500 2",
    dice: "M4 4h16v16H4zM8.500 8.500h.1M15.500 8.500h.1M12 12h.1M8.500 15.500h.1M15.500 15.500h.1",
    menu: "M4 7h16M4 12h16M4 17h16",
};

/** A picture; it is decoration, so a screen reader passes it over. */
export function icon(name) {
    const drawing = svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", "data-icon": name });
    drawing.append(svg("path", { d: PATHS[name] }));
    return drawing;
}

/** Turns a picture into another one. */
export function setIcon(drawing, name) {
    if (drawing.dataset.icon === name) return;
    drawing.dataset.icon = name;
    drawing.firstChild.setAttribute("d", PATHS[name]);
}
