// What the page knows of the service: apps, jobs, the connection. Screens read it and are told when
// it changes; only `events.js` and this file write it.

import * as api from "./api.js";

const KEPT_JOBS = 200;

const listeners = new Map();

/** Listens to a topic: list, status, jobs, connection, catalogs, origins, notices. Gives back how to end that. */
export function on(topic, listener) {
    if (!listeners.has(topic)) listeners.set(topic, new Set());
    listeners.get(topic).add(listener);
    return () => listeners.get(topic).delete(listener);
}

/** Tells a topic's listeners. */
export function emit(topic, value) {
    for (const listener of [...(listeners.get(topic) ?? [])]) listener(value);
}

export const store = {
    /** The apps by name, in order of name. */
    apps: new Map(),
    /** Whether they were loaded once. */
    loaded: false,
    /** Why they could not be. */
    error: null,
    /** Records of jobs by number. */
    jobs: new Map(),
    jobsLoaded: false,
    /** `connecting`, `open` or `lost`. */
    connection: "connecting",
    /** How many updates the catalogs have. */
    updates: 0,
    /** The origins' document. */
    origins: null,
    /** Notices, newest first. */
    notices: [],
};

/** Loads the list of apps. */
export async function loadApps() {
    try {
        const list = await api.get("/api/apps");
        store.apps = new Map(list.map((app) => [app.name, app]));
        store.loaded = true;
        store.error = null;
    } catch (error) {
        store.error = error;
    }
    emit("list");
}

/** Loads the newest jobs. */
export async function loadJobs() {
    try {
        for (const job of await api.get("/api/jobs?limit=100")) keep(job);
        store.jobsLoaded = true;
        emit("jobs", null);
    } catch { /* The connection tells of it. */ }
}

/** Counts the updates. */
export async function loadUpdates() {
    try {
        const offers = await api.get("/api/catalog?updates=true");
        store.updates = offers.filter((offer) => !offer.pinned).length;
        emit("updates");
    } catch { /* Without a count the screen still can be opened. */ }
}

/** Loads who asked to use the store. */
export async function loadOrigins() {
    try {
        store.origins = await api.get("/api/origins");
        emit("origins");
    } catch { /* An older service. */ }
}

/** Loads the notices. */
export async function loadNotices() {
    try {
        store.notices = (await api.get("/api/notices")).notices;
        emit("notices", null);
    } catch { /* An older service. */ }
}

/** Takes what an event says of an app's process. */
export function setStatus(name, status) {
    const app = store.apps.get(name);
    if (!app) return;
    app.status = status;
    emit("status", name);
}

/** Takes a job's record. */
export function setJob(job) {
    keep(job);
    emit("jobs", store.jobs.get(job.id));
}

/** Takes how far a job's long step is. */
export function setProgress({ job, progress }) {
    const record = store.jobs.get(job);
    if (!record) return;
    record.progress = progress ?? undefined;
    emit("jobs", record);
}

function keep(job) {
    // An answer that was on its way when the job ended tells less than the event that came before it.
    const known = store.jobs.get(job.id);
    if (known && hasEnded(known) && !hasEnded(job)) return;
    store.jobs.set(job.id, job);
    if (store.jobs.size <= KEPT_JOBS) return;
    const oldest = [...store.jobs.values()].filter(hasEnded).sort((a, b) => a.id - b.id)[0];
    if (oldest) store.jobs.delete(oldest.id);
}

/** Tells how the connection is. */
export function setConnection(state) {
    if (store.connection === state) return;
    const before = store.connection;
    store.connection = state;
    emit("connection", before);
}

/** Whether nothing more happens in a job. */
export const hasEnded = (job) => job.state !== "queued" && job.state !== "running";

/** The app that a job is about. */
export const subject = (job) => job.found ?? job.app;

/** The job that an app is in now, if any. */
export function activeJob(name) {
    let found = null;
    for (const job of store.jobs.values()) {
        if (hasEnded(job) || (subject(job) !== name && job.app !== name)) continue;
        if (!found || (job.state === "running" && found.state !== "running")) found = job;
    }
    return found;
}

/** A job's record: what is known, else what the service says. */
export async function job(id) {
    if (!store.jobs.has(id)) setJob(await api.get(api.path("/api/jobs", [id])));
    return store.jobs.get(id);
}

/** Waits for a job's end and gives its record. */
export async function ended(id) {
    const now = await job(id);
    if (hasEnded(now)) return now;
    return new Promise((resolve) => {
        const undo = on("jobs", () => {
            const record = store.jobs.get(id);
            if (record && hasEnded(record)) {
                undo();
                resolve(record);
            }
        });
    });
}

const CRASH_MEMORY = 60_000;

/** Whether an app ends and is started again and again. */
export function isCrashing({ status }) {
    if (!status) return false;
    if (status.state === "backing-off") return true;
    const up = status.state === "starting" || status.state === "running" || status.state === "unhealthy";
    return up && status.restarts >= 2 && Date.now() - (status.lastExit?.at ?? 0) < CRASH_MEMORY;
}

/** Whether an app needs somebody. */
export function isInTrouble(app) {
    if (app.installed === null) return false;
    return Boolean(app.error) || isCrashing(app) || app.status.state === "failed" || app.status.state === "unhealthy";
}
