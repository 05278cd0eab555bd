// Which screen the address asks for: `#/app/mysql5.7/logs?line=17`.

const listeners = new Set();

/** `{ parts: ["app", "mysql5.7", "logs"], query }` of the address. */
export function place() {
    const hash = location.hash.replace(/^#\/?/, "");
    const [path, query] = split(hash, "?");
    return { parts: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

function split(text, mark) {
    const at = text.indexOf(mark);
    return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(part) {
    try {
        return decodeURIComponent(part);
    } catch {
        return part;
    }
}

/** The address of a screen. */
export function link(...parts) {
    const query = typeof parts.at(-1) === "object" ? parts.pop() : {};
    const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
    return `#/${parts.map(encodeURIComponent).join("/")}${pairs.length ? `?${new URLSearchParams(pairs)}` : ""}`;
}

/** Goes to a screen. */
export function go(...parts) {
    location.hash = link(...parts);
}

/** Puts another query into the address without a step in the history. */
export function replaceQuery(query) {
    history.replaceState(null, "", link(...place().parts, query));
}

/** Tells when the address changed. */
export function onPlace(listener) {
    listeners.add(listener);
}

addEventListener("hashchange", () => {
    for (const listener of listeners) listener();
});
