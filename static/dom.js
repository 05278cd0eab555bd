// Building and changing the document, touching only what differs.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element. In `properties`, `on…` are listeners, booleans are attributes that are there or
 * not, `undefined` and `null` are left out, and `data` and `vars` are its data and its CSS variables.
 */
export function h(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties ?? {})) {
        if (value === undefined || value === null || value === false) continue;
        if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
        else if (name === "data") Object.assign(element.dataset, value);
        else if (name === "vars") setVars(element, value);
        else if (name in PROPERTIES) element[name] = value;
        else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...flat(children));
    return element;
}

/** These lose their meaning as attributes once somebody typed. */
const PROPERTIES = { value: 1, checked: 1, indeterminate: 1, textContent: 1 };

function flat(children) {
    return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

function setVars(element, vars) {
    for (const [name, value] of Object.entries(vars)) element.style.setProperty(name, value);
}

/** Makes an SVG element. */
export function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
}

/** Replaces what is in an element. */
export function fill(element, ...children) {
    element.replaceChildren(...flat(children));
    return element;
}

/** Replaces what is in an element; what had the focus has it again, if it is still there. */
export function refill(element, ...children) {
    const at = document.activeElement;
    const name = element.contains(at) ? nameOf(at) : null;
    fill(element, ...children);
    if (name === null) return;
    const same = [...element.querySelectorAll(at.localName)].find((it) => nameOf(it) === name);
    same?.focus({ preventScroll: true });
}

const nameOf = (element) => element.getAttribute("aria-label") ?? element.id + element.textContent;

/** Sets the text of an element, if it differs. */
export function setText(element, text) {
    text = String(text ?? "");
    if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute, if it differs; `null` and `false` take it away. */
export function setAttribute(element, name, value) {
    if (value === null || value === undefined || value === false) {
        if (element.hasAttribute(name)) element.removeAttribute(name);
        return;
    }
    const text = value === true ? "" : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Shows an element or not. */
export function show(element, visible) {
    if (element.hidden === visible) element.hidden = !visible;
}

/**
 * Brings the children of `parent` in line with `items`: each has a key, and its element is made once
 * and changed from then on. An element is moved only when its place changed, so the focus stays.
 */
export function keyed(parent, items, keyOf, make, change) {
    const known = parent.keyedChildren ?? new Map();
    const next = new Map();
    for (const item of items) {
        const key = keyOf(item);
        const element = known.get(key) ?? make(item);
        next.set(key, element);
        change?.(element, item);
    }
    for (const [key, element] of known) if (next.get(key) !== element) element.remove();
    let place = parent.firstElementChild;
    for (const element of next.values()) {
        if (element === place) place = place.nextElementSibling;
        else put(parent, element, place);
    }
    parent.keyedChildren = next;
}

/** `moveBefore` keeps the focus of what it moves, where the browser has it. */
function put(parent, element, place) {
    if (element.parentNode === parent && parent.moveBefore) parent.moveBefore(element, place);
    else parent.insertBefore(element, place);
}

const waiting = new Set();
let asked = false;

/** Runs a function before the next picture, once however often it was asked for. */
export function beforeFrame(work) {
    waiting.add(work);
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
        asked = false;
        const now = [...waiting];
        waiting.clear();
        for (const work of now) work();
    });
}

/** Runs a function when there is time for it, and soon anyway. */
export function whenIdle(work) {
    if (window.requestIdleCallback) requestIdleCallback(work, { timeout: 1000 });
    else setTimeout(work, 200);
}

/** What a part of the page leaves behind when it goes: it says so to whom it listened. */
export class Part extends HTMLElement {
    #undo = [];
    #update = () => { if (this.isConnected) this.update(); };

    connectedCallback() {
        this.build();
        this.update();
    }

    disconnectedCallback() {
        for (const undo of this.#undo.splice(0)) undo();
        this.leave();
    }

    /** Makes what stays the same. */
    build() {}

    /** Brings what may change up to date. */
    update() {}

    /** Ends what `build` began. */
    leave() {}

    /** Asks for an update before the next picture. */
    changed() {
        beforeFrame(this.#update);
    }

    /** Remembers what to do when it goes. */
    atEnd(undo) {
        this.#undo.push(undo);
    }

    /** Listens as long as it is there. */
    listen(target, kind, listener, options) {
        target.addEventListener(kind, listener, options);
        this.atEnd(() => target.removeEventListener(kind, listener, options));
    }

    /** Does something every so many milliseconds while the page can be seen, and now. */
    every(milliseconds, work) {
        let timer = 0;
        const tick = async () => {
            clearTimeout(timer);
            if (!this.isConnected || document.hidden) return;
            try {
                await work();
            } finally {
                clearTimeout(timer);
                timer = setTimeout(tick, milliseconds);
            }
        };
        this.listen(document, "visibilitychange", tick);
        this.atEnd(() => clearTimeout(timer));
        tick();
    }
}
