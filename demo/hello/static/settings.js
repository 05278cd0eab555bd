// The script of the demo apps' settings pages: the same file in each. A form names a command list of
// the app in `data-list`; its fields are named as the keys of the app's config.

const app = document.body.dataset.app;

/** Shows the settings in force; the defaults in the page stay where the service does not tell them. */
async function fill() {
    const answer = await fetch(`/api/apps/${encodeURIComponent(app)}`);
    if (!answer.ok) return;
    const { config = {} } = await answer.json();
    for (const field of document.querySelectorAll("input[name]")) {
        // A password is never told; its field stays empty until a new one is typed.
        if (field.type !== "password" && field.name in config) field.value = config[field.name];
    }
}

/** What a form holds, numbers as numbers. */
function values(form) {
    return Object.fromEntries([...form.querySelectorAll("input[name]")].map((field) =>
        [field.name, field.type === "number" ? field.valueAsNumber : field.value]));
}

/** Runs a form's list with its values and tells how it went. */
async function send(form) {
    const button = form.querySelector("button");
    const output = form.querySelector("output");
    button.disabled = true;
    output.className = "";
    output.value = "请稍候… · Working…";
    try {
        const answer = await fetch("/store/setting", {
            method: "POST",
            headers: { "Content-Type": "application/json" },
            body: JSON.stringify({ ...values(form), name: app, cmdKey: form.dataset.list }),
        });
        const { code, message } = await answer.json();
        const good = answer.ok && code === 0;
        output.className = good ? "good" : "bad";
        output.value = good ? `✓ 设置成功 · Saved (${message})` : `✗ 设置失败 · Failed: ${message}`;
    } catch (error) {
        output.className = "bad";
        output.value = `✗ 没有应答 · No answer: ${error.message}`;
    } finally {
        button.disabled = false;
    }
}

for (const form of document.querySelectorAll("form[data-list]")) {
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        send(form);
    });
}
fill().catch(() => { /* Without the present settings the page still can set new ones. */ });
