// Values over time as a line: a large one with its scale, and a small one for a row of a list.

import { h, setAttribute, setText, svg } from "../dom.js";
import { moment } from "../format.js";
import { t } from "../i18n.js";

const WIDTH = 600;
const HEIGHT = 120;
/** Values that a large one has at least. */
const LEAST = 60;

/** The largest value, of those that are there. */
const highest = (values) => values.reduce((most, value) => (value > most ? value : most), 0);

/** A path through the values from left to right; where one is missing, the line is broken. */
function line(values, top, width, height, bottom) {
    const step = values.length > 1 ? width / (values.length - 1) : 0;
    let stroke = "";
    let area = "";
    let begin = null;
    const close = (x) => { if (begin !== null) area += `L${x} ${bottom}L${begin} ${bottom}Z`; };
    let last = 0;
    values.forEach((value, index) => {
        if (value === null) {
            close(last);
            begin = null;
            return;
        }
        const x = +(index * step).toFixed(1);
        const y = +(bottom - (value / top) * height).toFixed(1);
        stroke += `${begin === null ? "M" : "L"}${x} ${y}`;
        area += `${begin === null ? `M${x} ${bottom}L` : "L"}${x} ${y}`;
        if (begin === null) begin = x;
        last = x;
    });
    close(last);
    return [stroke, area];
}

/** A chart. `show(values, interval, end)`: oldest first, one value every `interval` seconds. */
export function lineChart(title, format, smallest) {
    const area = svg("path", { class: "area" });
    const stroke = svg("path", { class: "line" });
    const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    for (const y of [1, HEIGHT / 2, HEIGHT - 1]) drawing.append(svg("path", { class: "grid", d: `M0 ${y}H${WIDTH}` }));
    drawing.append(area, stroke);
    const now = h("span", { class: "now" });
    const scale = h("span", { class: "scale" });
    const from = h("span");
    const pointed = h("span", { class: "pointed" });
    const plot = h("div", { class: "plot" }, drawing, scale);
    const chart = h("figure", { class: "chart" },
        h("figcaption", {}, h("span", {}, title), now), plot,
        h("div", { class: "axis" }, from, pointed, h("span", {}, t("chart.now"))));
    let data = null;
    chart.show = (known, interval, end) => {
        // A short line is drawn over ten minutes; it grows to an hour.
        const first = Math.max(0, known.findIndex((value) => value !== null));
        const since = known.slice(Math.min(first, Math.max(0, known.length - LEAST)));
        const values = [...Array(Math.max(0, LEAST - since.length)).fill(null), ...since];
        data = { values, interval, end };
        const top = Math.max(smallest, highest(values)) * 1.1;
        const [strokePath, areaPath] = line(values, top, WIDTH, HEIGHT - 4, HEIGHT - 1);
        setAttribute(stroke, "d", strokePath || null);
        setAttribute(area, "d", areaPath || null);
        const last = values.at(-1);
        const seen = values.some((value) => value !== null);
        setText(now, last === null || last === undefined ? t("chart.off") : format(last));
        setText(scale, seen ? format(top / 1.1) : "");
        setText(from, moment(end - (values.length - 1) * interval * 1000));
        setAttribute(drawing, "aria-label", t("chart.says", {
            title, now: now.textContent, most: seen ? format(highest(values)) : t("chart.off"),
        }));
    };
    plot.addEventListener("pointermove", (event) => {
        if (!data || data.values.length < 2) return;
        const box = plot.getBoundingClientRect();
        const index = Math.round(((event.clientX - box.left) / box.width) * (data.values.length - 1));
        const value = data.values[Math.max(0, Math.min(index, data.values.length - 1))];
        const at = data.end - (data.values.length - 1 - index) * data.interval * 1000;
        setText(pointed, `${moment(at)} · ${value === null ? t("chart.off") : format(value)}`);
    });
    plot.addEventListener("pointerleave", () => setText(pointed, ""));
    return chart;
}

/** A line without words for a row; it is decoration beside the number. */
export function sparkline(smallest) {
    const stroke = svg("path", { class: "line" });
    const drawing = svg("svg", { viewBox: "0 0 60 18", class: "sparkline", "aria-hidden": "true", preserveAspectRatio: "none" }, stroke);
    drawing.show = (values) => {
        const top = Math.max(smallest, highest(values));
        setAttribute(stroke, "d", line(values, top, 60, 15, 16.5)[0] || null);
    };
    return drawing;
}
