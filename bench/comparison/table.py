"""The table: measures down, supervisors across, with the ratio of ours to the floor."""

from collections.abc import Callable
from dataclasses import dataclass

from .measures import Figures


@dataclass
class Metric:
    """One row. Of several keys the first is the figure that is compared with the floor and the goal."""

    key: str
    title: str
    unit: str
    goal: str = ""
    limit: float | None = None
    more_is_better: bool = False
    show: Callable[[Figures], str] | None = None


def pair(first: str, second: str, template: str) -> Callable[[Figures], str]:
    def show(figures: Figures) -> str:
        value = figures[first]
        if isinstance(value, str):
            return value
        return template.format(number(value), text(figures.get(second, "")))

    return show


ROWS: dict[str, list[Metric]] = {
    "fleet": [
        Metric("rss", "memory, 200 idle apps: RSS (PSS)", "MiB", "≤ 12", 12, show=pair("rss", "pss", "{} ({})")),
        Metric("rss_used", "… right after the status requests below", "MiB", show=pair("rss_used", "pss_used", "{} ({})")),
        Metric("processes", "… in how many processes", ""),
        Metric("idle_cpu", "idle processor time, 200 apps (wake-ups/s)", "%", "0.0", 0.05, show=pair("idle_cpu", "idle_wakeups", "{} ({})")),
        Metric("start200", "order → last of 200 apps in its main", "ms", "≤ 150", 150),
        Metric("status", "status of 200 apps, one request", "ms", "≤ 0.3", 0.3),
    ],
    "restart": [
        Metric("restart", "kill -9 of an app → replacement in its main: median (p90)", "ms", "", show=pair("restart", "restart_p90", "{} ({})")),
        Metric("tree", "… of an app with a descendant: median (p90)", "ms", "≤ 3", 3, show=pair("tree", "tree_p90", "{} ({})")),
        Metric("tree_first", "… the old descendant ended first", "", "all"),
    ],
    "output": [
        Metric("blocks_wall", "1 M lines in 64 KiB blocks: until all are in the log (CPU)", "s", "≤ 0.10 (0.15)", 0.10, show=pair("blocks_wall", "blocks_cpu", "{} ({})")),
        Metric("lines_wall", "1 M lines, one write each: until all are in the log (CPU)", "s", "≤ 0.25 (0.15)", 0.25, show=pair("lines_wall", "lines_cpu", "{} ({})")),
        Metric("blocks_lost", "lines lost / pieces of cut lines, blocks", "", "0 / 0", 0, show=pair("blocks_lost", "blocks_cut", "{} / {}")),
        Metric("lines_lost", "lines lost / pieces of cut lines, one write each", "", "0 / 0", 0, show=pair("lines_lost", "lines_cut", "{} / {}")),
        Metric("quiet", "a quiet app's line on disk: median (max)", "ms", "at once", show=pair("quiet", "quiet_max", "{} ({})")),
    ],
    "crash": [
        Metric("crash_silent", "kill -9 of the supervisor, 200 apps: silent ones that live on", "", "all"),
        Metric("crash_chatty", "… chatty ones that live on", "", "all"),
        Metric("crash_same", "… under their old pid after its next start", "", "all"),
        Metric("crash_twice", "… copies too many", "", "0", 0),
        Metric("adopted", "… its next start → all known with their old pids", "ms", "≤ 50", 50),
        Metric("adopted_noticed", "… death of an adopted app → event", "ms", "< 5", 5),
        Metric("adopted_death", "… death of a survivor → replacement in its main", "ms"),
    ],
    "ready": [Metric("ready", "start → first answer, 50 installed apps", "ms", "≤ 30", 30)],
    "ping": [
        Metric("ping", "/ping", "requests/s", more_is_better=True),
        Metric("ping_bare", "… of a bare actix-web program", "requests/s", more_is_better=True),
        Metric("ping_ratio", "… ratio, in turns", "", "≥ 0.9", 0.9, more_is_better=True),
    ],
}


def number(value: float) -> str:
    if isinstance(value, int) or value >= 1000:
        return f"{value:.0f}"
    if value == 0:
        return "0"
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    if value >= 0.095:
        return f"{value:.2f}"
    return f"{value:.3f}"


def text(value: float | str) -> str:
    return value if isinstance(value, str) else number(value)


def cell(metric: Metric, figures: Figures) -> str:
    if "failed" in figures:
        return "failed"
    if metric.key not in figures:
        return "–"
    return metric.show(figures) if metric.show else text(figures[metric.key])


def ratio(metric: Metric, ours: Figures, floor: Figures) -> str:
    a, b = ours.get(metric.key), floor.get(metric.key)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)) and b > 0 and metric.key not in ("processes", "idle_cpu"):
        return f"{a / b:.1f}"
    return ""


def verdict(metric: Metric, ours: Figures) -> str:
    value = ours.get(metric.key)
    if metric.limit is None or not isinstance(value, (int, float)):
        return metric.goal
    reached = value >= metric.limit if metric.more_is_better else value <= metric.limit
    return f"{metric.goal} {'✓' if reached else '✗'}"


def table(results: dict[str, dict[str, Figures]], titles: dict[str, str], missing: dict[str, str]) -> str:
    """Markdown. `results` is scenario → tool → figures; a tool of `missing` could not be installed."""
    names = list(titles)
    others = [name for name in names if name not in ("storekeeper", "floor")]
    shown = [name for name in ("storekeeper", "floor") if name in names]
    head = ["measure", "unit", "goal", *(titles[name] for name in shown), "ours / floor", *(titles[name] for name in others)]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for scenario, by_tool in results.items():
        for metric in ROWS[scenario]:
            ours, floor = by_tool.get("storekeeper", {}), by_tool.get("floor", {})

            def at(name: str) -> str:
                return "not installed" if name in missing else cell(metric, by_tool.get(name, {}))

            row = [metric.title, metric.unit, verdict(metric, ours), *map(at, shown), ratio(metric, ours, floor), *map(at, others)]
            lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)
