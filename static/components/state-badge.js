// An app's state as text, picture and colour.

import { h, setText } from "../dom.js";
import { icon, setIcon } from "../icons.js";
import { t } from "../i18n.js";
import { isCrashing } from "../store.js";

const LOOKS = {
    running: ["running", "good"],
    starting: ["busy", "info"],
    stopping: ["busy", "info"],
    stopped: ["stopped", "faint"],
    unhealthy: ["warning", "warn"],
    crashing: ["restart", "bad"],
    failed: ["failed", "bad"],
    broken: ["warning", "bad"],
    absent: ["absent", "faint"],
};

/** What an app's state is called here. */
export function stateOf(app) {
    if (app.error) return "broken";
    if (app.installed === null) return "absent";
    return isCrashing(app) ? "crashing" : app.status.state;
}

/** Shows a state. */
export function stateBadge() {
    const picture = icon("absent");
    const text = h("span");
    const badge = h("span", { class: "badge" }, picture, text);
    badge.show = (state) => {
        const [name, colour] = LOOKS[state] ?? LOOKS.absent;
        setIcon(picture, name);
        const look = `badge ${colour}${name === "busy" ? " spins" : ""}`;
        if (badge.className !== look) badge.className = look;
        setText(text, t(`state.${state}`));
    };
    return badge;
}

const JOB_LOOKS = {
    queued: ["clock", "faint"],
    running: ["busy", "info"],
    succeeded: ["running", "good"],
    failed: ["failed", "bad"],
    canceled: ["stopped", "faint"],
    interrupted: ["warning", "warn"],
};

/** Shows a job's state, or that of a step. */
export function jobBadge() {
    const picture = icon("clock");
    const text = h("span");
    const badge = h("span", { class: "badge" }, picture, text);
    badge.show = (state) => {
        const [name, colour] = JOB_LOOKS[state] ?? JOB_LOOKS.queued;
        setIcon(picture, name);
        const look = `badge ${colour}${name === "busy" ? " spins" : ""}`;
        if (badge.className !== look) badge.className = look;
        setText(text, t(`job.state.${state}`));
    };
    return badge;
}
