// Numbers and times as people read them, in the language of the page.

import { language, t } from "./i18n.js";

/** Making one takes longer than a hundred uses of it. */
const made = new Map();

function once(kind, make) {
    const key = `${language()} ${kind}`;
    if (!made.has(key)) made.set(key, make(language()));
    return made.get(key);
}

const number = (digits) => once(digits, (tag) => new Intl.NumberFormat(tag, { maximumFractionDigits: digits }));

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** Bytes: `12.3 MiB`. */
export function bytes(count) {
    let unit = 0;
    let value = count;
    while (value >= 1000 && unit < UNITS.length - 1) {
        value /= 1024;
        unit += 1;
    }
    return `${number(unit === 0 || value >= 100 ? 0 : 1).format(value)} ${UNITS[unit]}`;
}

/** Percent of a core: `3.4 %`. */
export function percent(value) {
    return `${number(value >= 10 ? 0 : 1).format(value)} %`;
}

/** A whole number. */
export function count(value) {
    return number(0).format(value);
}

/** A span of seconds, by its two largest units: `3 h 12 min`. */
export function span(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const parts = [
        ["days", Math.floor(whole / 86400)],
        ["hours", Math.floor(whole / 3600) % 24],
        ["minutes", Math.floor(whole / 60) % 60],
        ["seconds", whole % 60],
    ];
    const first = parts.findIndex(([, amount]) => amount > 0);
    if (first < 0) return t("span.seconds", { n: 0 });
    return parts.slice(first, first + 2)
        .filter(([, amount], index) => amount > 0 || index === 0)
        .map(([unit, n]) => t(`span.${unit}`, { n }))
        .join(" ");
}

/** How long ago, roughly: `5 min ago`. */
export function ago(milliseconds) {
    const seconds = Math.max(0, (Date.now() - milliseconds) / 1000);
    if (seconds < 10) return t("span.now");
    const [n, unit] = seconds < 60 ? [seconds, "seconds"]
        : seconds < 3600 ? [seconds / 60, "minutes"]
        : seconds < 86400 ? [seconds / 3600, "hours"]
        : [seconds / 86400, "days"];
    return t("span.ago", { span: t(`span.${unit}`, { n: Math.floor(n) }) });
}

/** A moment: the time today, else the date too. */
export function moment(milliseconds) {
    const at = new Date(milliseconds);
    const today = at.toDateString() === new Date().toDateString();
    const parts = today ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" };
    return once(`moment ${today}`, (tag) => new Intl.DateTimeFormat(tag, parts)).format(at);
}

/** How a process ended, in the language of the page. */
export function reasonWords(reason) {
    const code = /^exit code (-?\d+)$/.exec(reason ?? "");
    if (code) return t("exit.code", { code: code[1] });
    const signal = /^killed by (\w+)$/.exec(reason ?? "");
    if (signal) return t("exit.signal", { signal: signal[1] });
    return reason ?? "";
}
