// The service's stream of events. It comes back by itself, and then what may have been missed is
// loaded anew.
//
// A browser opens six connections to one server and no more, so only one of the pages that are open
// listens; it tells the others. When it is closed, another one goes on where it stopped.

import * as api from "./api.js";
import { boot } from "./boot.js";
import {
    emit, loadApps, loadJobs, loadNotices, loadOrigins, loadUpdates, setConnection, setJob, setProgress, setStatus, store,
} from "./store.js";

/** Events come in bunches; a list is loaded once for all of them. */
const BUNCH = 80;
/** Between two tries. */
const PAUSE = 1000;
/** The name of the lock that the listening page holds, and of the channel on which it tells. */
const NAME = "storekeeper.events";

let source = null;
/** What was told before everything was loaded; it may be newer than what was loaded. */
let early = [];
/** The page was made at this event: nothing that comes after it is missed, however late we listen. */
let lastId = boot.events ?? "";
let bootId = boot.boot;

/** What is done with an event of each kind. */
const KINDS = {
    app: ({ name, status }) => setStatus(name, status),
    job: (job) => {
        setJob(job);
        if (job.kind === "offers" && job.endedAt) bunch("updates", loadUpdates);
    },
    progress: setProgress,
    apps: () => {
        bunch("apps", loadApps);
        bunch("updates", loadUpdates);
    },
    catalogs: (change) => {
        emit("catalogs", change);
        bunch("updates", loadUpdates);
    },
    shelf: () => emit("shelf"),
    // A repository is a catalog, too.
    repository: () => {
        emit("repositories");
        emit("catalogs", {});
        bunch("updates", loadUpdates);
    },
    origins: () => bunch("origins", loadOrigins),
    notice: (notice) => {
        if (notice.id === undefined) {
            // Not a new one: somebody has seen all up to this number.
            store.notices = store.notices.map((known) => (known.id <= notice.seen ? { ...known, seen: true } : known));
            emit("notices", null);
            return;
        }
        store.notices = [notice, ...store.notices.filter((known) => known.id !== notice.id)].slice(0, 100);
        emit("notices", notice);
    },
    reset: () => loadAll(),
};

/** Begins to listen: to the page that does, or, once everything is loaded, to the service. */
export function listen(loaded) {
    loaded.then(() => {
        const events = early;
        early = null;
        for (const event of events) take(...event);
    });
    // Without locks (a page that did not come from this computer) each page listens for itself.
    if (!navigator.locks || !("BroadcastChannel" in window)) {
        loaded.then(() => connect(() => {}));
        return;
    }
    const channel = new BroadcastChannel(NAME);
    channel.onmessage = ({ data }) => {
        if (data.connection) connected(data.connection);
        else if (data.kind) take(data.kind, data.text, data.id);
        else if (source) channel.postMessage({ connection: store.connection });
    };
    channel.postMessage({ question: "how is the connection?" });
    navigator.locks.request(NAME, async () => {
        await loaded;
        connect((message) => channel.postMessage(message));
        // It is held as long as the page is open.
        return new Promise(() => {});
    });
}

function connect(tell) {
    source = new EventSource(api.path("/api/events", [], { lastEventId: lastId }));
    const is = (connection) => {
        tell({ connection });
        connected(connection);
    };
    source.onopen = () => is("open");
    source.onerror = () => {
        is("lost");
        // The browser tries again by itself unless it was refused.
        if (source.readyState === EventSource.CLOSED) setTimeout(() => connect(tell), PAUSE);
    };
    for (const kind of Object.keys(KINDS)) {
        source.addEventListener(kind, ({ data, lastEventId }) => {
            tell({ kind, text: data, id: lastEventId });
            take(kind, data, lastEventId);
        });
    }
}

function take(kind, text, id) {
    if (early) {
        early.push([kind, text, id]);
        return;
    }
    lastId = id;
    KINDS[kind]?.(JSON.parse(text));
}

/** Loads everything that the store keeps, first what is looked at first. */
async function loadAll() {
    await loadApps();
    await loadRest();
}

/** Loads everything but the apps. */
export async function loadRest() {
    await loadJobs();
    loadUpdates();
    loadOrigins();
    loadNotices();
}

async function connected(connection) {
    if (connection !== "open" || store.connection !== "lost") {
        setConnection(connection);
        return;
    }
    const status = await api.get("/api/status").catch(() => null);
    // Gone again already.
    if (!status) return;
    const restarted = status.boot !== bootId;
    bootId = status.boot;
    await loadAll();
    setConnection("open");
    emit("catalogs", {});
    emit("back", { restarted });
}

const bunches = new Map();

function bunch(name, work) {
    if (bunches.has(name)) return;
    bunches.set(name, setTimeout(() => {
        bunches.delete(name);
        work();
    }, BUNCH));
}
