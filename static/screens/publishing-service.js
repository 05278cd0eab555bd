// Asking the service about publishing: who asks, apps and their versions, repositories, categories,
// accounts. The addresses stand here and nowhere else.

import * as api from "../api.js";
import { t } from "../i18n.js";
import { progressText } from "../components/progress-bar.js";

/** Who asks: `{ accounts, name, role }`. Without accounts whoever sits here may do everything. */
export const session = { accounts: false, name: "local", role: "admin" };

/** Loads who asks. */
export async function loadSession() {
    Object.assign(session, await api.get("/v1/me"));
    return session;
}

export const signIn = (name, password) => api.post("/v1/session", { name, password });
export const signOut = () => api.remove("/v1/session");

const RANKS = { user: 0, developer: 1, admin: 2 };

/** Whether who asks may do what a role may. */
export const is = (role) => (RANKS[session.role] ?? -1) >= RANKS[role];

/** Apps, the newest first: `{ app_set, total_count }`. */
export const apps = (query) => api.get(api.path("/v1/apps", [], { limit: 200, ...query }));

/** One app, or an error that says that there is none. */
export async function app(id) {
    const { app_set: [found] } = await apps({ app_id: id });
    if (!found) throw new api.ApiError(t("publishing.app.missing", { id }), 404);
    return found;
}

/** Versions, the newest first; deleted ones only when they are asked for by their state. */
export async function versions(query) {
    return (await api.get(api.path("/v1/app_versions", [], { limit: 200, ...query }))).app_version_set ?? [];
}

/** What happened with a version, the oldest first. */
export async function audits(version) {
    const { app_version_audit_set: rows = [] } = await api.get(api.path("/v1/app_version_audits", [], { version_id: version, limit: 200 }));
    return rows.toSorted((a, b) => a.status_time.localeCompare(b.status_time));
}

/** Takes an action: submit, cancel, review, pass, reject, release, suspend, recover, delete. */
export const act = (version, action, message = "") => api.post(api.path("/v1/app_version/action", [action]), { version_id: version, message });

export const changeApp = (change) => api.patch("/v1/apps", change);
export const removeApp = (id) => ask("DELETE", "/v1/apps", { app_id: [id] });
export const changeVersion = (change) => api.patch("/v1/app_versions", change);
export const statistics = () => api.get("/v1/apps/statistics");

/** Puts an icon or a picture there; without a file it takes the picture away. */
export async function attach(id, type, sequence, file) {
    const content = file ? await base64(file) : "";
    return api.patch("/v1/app/attachment", { app_id: id, type, sequence, attachment_content: content });
}

/** Looks into a package without keeping it. */
export const validate = (file, bar) => send("POST", "/v1/apps/validate_package", file, bar);

/** A new app of a package. */
export const createApp = (query, file, bar) => send("POST", api.path("/v1/apps", [], query), file, bar);

/** A further version of an app. */
export const createVersion = (query, file, bar) => send("POST", api.path("/v1/app_versions", [], query), file, bar);

/** Another package for a draft. */
export const replacePackage = (query, file, bar) => send("PATCH", api.path("/v1/app_versions", [], query), file, bar);

/** Where a version's package can be fetched. */
export const packageAddress = (version) => api.path("/v1/app_version/package", [], { version_id: version });

/** What a version would do on a computer, and what changed since the one in the store. */
export const review = (version) => api.get(api.path("/v1/app_version/review", [], { version_id: version }));

export const repositories = () => api.get("/api/repositories");
export const repository = (name, ...parts) => api.path("/api/repositories", [name, ...parts]);

export const categories = async () => (await api.get("/v1/categories?limit=200")).category_set ?? [];
export const addCategory = (category) => api.post("/v1/categories", category);
export const changeCategory = (change) => api.patch("/v1/categories", change);
export const removeCategory = (id) => ask("DELETE", "/v1/categories", { category_id: [id] });

export const users = async () => (await api.get("/v1/users")).user_set ?? [];
export const addUser = (user) => api.post("/v1/users", user);
export const changeUser = (change) => api.patch("/v1/users", change);
export const removeUser = (name) => ask("DELETE", "/v1/users", { name: [name] });
export const tokens = async (name) => (await api.get(api.path("/v1/tokens", [], { user: name }))).token_set ?? [];
export const addToken = (name, label) => api.post("/v1/tokens", { user: name, label });
export const removeToken = (id) => ask("DELETE", "/v1/tokens", { token_id: [id] });

/** A request with a body for which `api.js` has no verb. */
async function ask(method, path, body) {
    return send(method, path, new Blob([JSON.stringify(body)], { type: "application/json" }), null);
}

/** Sends a file and tells how much of it went. */
export function send(method, path, body, bar) {
    return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.open(method, path);
        request.setRequestHeader("Content-Type", body.type === "application/json" ? body.type : "application/octet-stream");
        request.setRequestHeader("Accept", "application/json");
        request.responseType = "json";
        request.upload.onprogress = (event) => bar?.show(event.total ? event.loaded / event.total : null, progressText({ completed: event.loaded, total: event.total }));
        // What is sent is not yet looked at.
        request.upload.onload = () => bar?.show(null, t("publishing.checking"));
        request.onload = () => (request.status < 300 ? resolve(request.response)
            : reject(api.refusal(request.status, request.statusText, request.response)));
        request.onerror = () => reject(new api.ApiError(t("connection.silent")));
        request.send(body);
    });
}

function base64(file) {
    return new Promise((resolve, reject) => {
        const reader = new FileReader();
        reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
        reader.onerror = () => reject(reader.error);
        reader.readAsDataURL(file);
    });
}

/** Whether an app is one's own, or one may do with it as if it were. */
export const isMine = (app) => is("admin") || (is("developer") && app.owner === session.name);

/** A picture's address; another one once the app was changed, so that no browser shows the old picture. */
export const picture = (app, address) => (address?.startsWith("/v1/") ? `${address}&changed=${Date.parse(app.update_time) || 0}` : address);

/** When something was, in milliseconds: the service writes it as text here. */
export const when = (text) => (text ? Date.parse(text) : null);

/** A category's name in the language of the page. */
export function categoryText(category, language) {
    try {
        const names = JSON.parse(category.locale || "{}");
        return names[language] || names[language === "zh" ? "zh_cn" : "en_us"] || category.name;
    } catch {
        return category.name;
    }
}
