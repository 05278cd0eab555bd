// The list of apps: shows what /api/apps tells, and again whenever an event says that it changed.

const list = document.getElementById("apps");
const message = document.getElementById("message");
const template = document.getElementById("app");
const runs = new Set(["starting", "running", "unhealthy", "backing-off"]);

/** Tells something that went wrong, or nothing. */
function tell(text, bad = false) {
    message.textContent = text;
    message.className = bad ? "bad" : "";
}

/** The answer's JSON, or an error with the sentence that the service wrote. */
async function ask(path, options) {
    const answer = await fetch(path, options);
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.message ?? answer.statusText);
    return body;
}

/** Fills one row. */
function row(app) {
    const item = template.content.firstElementChild.cloneNode(true);
    const running = runs.has(app.status.state);
    const [link, button] = [item.querySelector("a"), item.querySelector("button")];
    item.querySelector("img").src = app.icon;
    item.querySelector("h2").textContent = `${app.name} ${app.version}`;
    item.querySelector(".desc").textContent = app.desc;
    const state = item.querySelector(".state");
    state.textContent = app.error ?? (app.installed === null ? "not installed" : app.status.problem ?? app.status.state);
    state.classList.toggle("bad", Boolean(app.error ?? app.status.problem));
    if (app.settingsPage) link.href = app.settingsPage;
    else link.remove();
    if (app.error) button.remove();
    const action = app.installed === null ? "install" : running ? "stop" : "start";
    button.textContent = { install: "Install", start: "Start", stop: "Stop" }[action];
    button.setAttribute("aria-label", `${button.textContent} ${app.name}`);
    button.addEventListener("click", async () => {
        button.disabled = true;
        tell("");
        try {
            await ask(`/api/apps/${app.name}/${action}?wait=true`, { method: "POST" });
        } catch (error) {
            tell(error.message, true);
        }
        await show();
    });
    return item;
}

/** Shows the apps, keeping the focus where it was. */
async function show() {
    try {
        const apps = await ask("/api/apps");
        const focus = document.activeElement?.getAttribute("aria-label");
        list.replaceChildren(...apps.map(row));
        if (focus) list.querySelector(`[aria-label="${CSS.escape(focus)}"]`)?.focus();
        if (apps.length === 0) tell("There are no apps yet. Install one with: storekeeper install FOLDER");
        else if (message.textContent.startsWith("Loading")) tell("");
    } catch (error) {
        tell(`The service does not answer: ${error.message}`, true);
    }
}

let waiting = 0;
/** Many events come together; one look is enough. */
function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(show, 100);
}
const events = new EventSource("/api/events");
for (const kind of ["app", "apps", "reset", "open"]) events.addEventListener(kind, soon);
show();
