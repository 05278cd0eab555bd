// Asking the service: one function per verb, and errors that carry the service's own sentence.

import { said } from "./said.js";

/** An answer that is no success, or none at all. */
export class ApiError extends Error {
    constructor(message, status = 0, body = {}) {
        super(said(message));
        this.status = status;
        /** More, for programs. */
        this.data = body.data ?? body.details ?? null;
        /** The record of the job that failed, when there is one. */
        this.job = body.job ?? null;
    }

    /** Nobody answered. */
    get isSilence() {
        return this.status === 0;
    }
}

async function ask(method, path, body, options = {}) {
    const request = { method, signal: options.signal, headers: { Accept: "application/json" } };
    if (body instanceof Blob) request.body = body;
    else if (body !== undefined) {
        request.headers["Content-Type"] = "application/json";
        request.body = JSON.stringify(body);
    }
    let answer;
    try {
        answer = await fetch(path, request);
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new ApiError(error.message);
    }
    const text = await answer.text();
    let value = null;
    try {
        value = text ? JSON.parse(text) : null;
    } catch {
        value = { message: text };
    }
    if (answer.ok) return value;
    throw refusal(answer.status, answer.statusText, value);
}

/** An answer that is no success, in the language of the page where the service wrote both. */
export function refusal(status, words, body) {
    const chinese = document.documentElement.lang.startsWith("zh") ? body?.message_zh : null;
    return new ApiError(chinese || body?.message || `${status} ${words}`, status, body ?? {});
}

export const get = (path, options) => ask("GET", path, undefined, options);
export const post = (path, body = {}, options) => ask("POST", path, body, options);
export const patch = (path, body, options) => ask("PATCH", path, body, options);
export const remove = (path, options) => ask("DELETE", path, undefined, options);

/** A path with its parts encoded and its query: `path("/api/apps", [name, "run", list], { wait: true })`. */
export function path(base, parts = [], query = {}) {
    const tail = parts.map((part) => `/${encodeURIComponent(part)}`).join("");
    const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== "" && value !== false);
    return base + tail + (pairs.length ? `?${new URLSearchParams(pairs)}` : "");
}

/** The address of an app, or of something below it. */
export const app = (name, ...parts) => path("/api/apps", [name, ...parts]);

/** What the catalogs say of an app; `null` when none has it. */
export async function offer(name, query = {}) {
    const found = await get(path("/api/catalog", [], { query: name }));
    return found.some((it) => it.name === name) ? get(path("/api/catalog", [name], query)) : null;
}
