// What a user can do with apps: ask for the job, and tell when it did not go well.

import * as api from "./api.js";
import { confirm } from "./components/confirm-dialog.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";
import { tell } from "./messages.js";
import { link } from "./router.js";
import { said } from "./said.js";
import { ended, setJob } from "./store.js";

/** Asks for something and tells an error. Gives back the answer, or `null`. */
export async function attempt(work) {
    try {
        return await work();
    } catch (error) {
        tellError(error);
        return null;
    }
}

/** Tells an error of the service, or that it does not answer. */
export function tellError(error) {
    tell(error.isSilence ? t("connection.silent") : error.message, { kind: "bad" });
}

/** Asks for a job; tells why it failed, when it does. Gives back its record at its end, or `null`. */
export async function job(path, body = {}) {
    const answer = await attempt(() => api.post(path, body));
    return answer ? follow(answer.job) : null;
}

/** Follows a job to its end, and tells why it failed. */
export async function follow(id) {
    const record = await attempt(async () => {
        setJob(await api.get(api.path("/api/jobs", [id])));
        return ended(id);
    });
    if (record && (record.state === "failed" || record.state === "interrupted")) {
        tell(said(record.error?.message) ?? t(`job.state.${record.state}`), {
            kind: "bad",
            action: { text: t("job.show"), href: link("jobs", record.id) },
        });
    }
    return record;
}

export const start = (name) => job(api.app(name, "start"));
export const stop = (name) => job(api.app(name, "stop"));
export const restart = (name) => job(api.app(name, "restart"));
export const upgrade = (name, version) => job(`${api.app(name, "upgrade")}${version ? `?version=${encodeURIComponent(version)}` : ""}`);

/** Asks whether an app shall go, and with what. */
export async function uninstall(name) {
    const purge = h("input", { type: "checkbox" });
    const sure = await confirm({
        title: t("uninstall.title", { name }),
        text: t("uninstall.text"),
        more: h("label", { class: "choice" }, purge, t("uninstall.purge")),
        confirm: t("action.uninstall"),
        bad: true,
    });
    if (!sure) return null;
    const record = await job(`${api.app(name, "uninstall")}?purge=${purge.checked}`);
    if (record?.state === "succeeded") tell(t("uninstall.done", { name }), { kind: "good" });
    return record;
}

/** Asks whether the version before shall come back. */
export async function rollback(name, previous) {
    const data = h("input", { type: "checkbox" });
    const sure = await confirm({
        title: t("rollback.title", { name, version: previous.version }),
        text: t("rollback.text"),
        more: h("label", { class: "choice" }, data, t("rollback.data")),
        confirm: t("action.rollback"),
    });
    if (!sure) return null;
    return job(`${api.app(name, "rollback")}?withData=${data.checked}`);
}
