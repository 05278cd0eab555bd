"""The command line of the benchmark."""

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from . import machine
from .install import Programs, say
from .measures import FULL, QUICK, SCENARIOS, Bench
from .run import Failed, call
from .table import table
from .tools import registry


def main() -> int:
    tools = registry()
    options = parse(list(tools))
    # Ended from outside, everything is cleaned up as after an error.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    machine.prepare()
    programs = Programs()
    installed, missing = install(tools, options.tools, programs)
    if options.install:
        return 1 if missing else 0

    base = Path(tempfile.mkdtemp(prefix="storekeeper-bench-"))
    results: dict = {}
    failures: list[str] = []
    began = time.monotonic()
    try:
        bench = Bench(programs, base, QUICK if options.quick else FULL)
        for scenario in options.only:
            results[scenario] = {}
            for name, program in installed.items():
                say(f"{scenario}: {name}")
                try:
                    results[scenario][name] = SCENARIOS[scenario](bench, tools[name], program)
                except (Failed, OSError, ValueError) as failure:
                    # One tool's failure is its own row's; the others are measured all the same.
                    results[scenario][name] = {"failed": str(failure)}
                    failures.append(f"{tools[name].title}, {scenario}: {failure}")
                    say(f"  failed: {failure}")
    finally:
        machine.end_all()
        shutil.rmtree(base, ignore_errors=True)

    titles = {name: tools[name].title for name in options.tools}
    about = [
        *machine.facts(),
        call(["rustc", "--version"]).strip(),
        f"{'quick' if options.quick else 'full'} run of {(time.monotonic() - began) / 60:.0f} minutes",
    ]
    notes = [note for name in installed for note in tools[name].notes]
    print(table(results, titles, missing))
    print()
    print("\n".join(f"* {line}" for line in [*about, *notes]))
    for name, why in missing.items():
        print(f"* {tools[name].title} is not installed: {why}")
    for failure in failures:
        print(f"* failed: {failure}")
    if options.json:
        record = {"about": about, "results": results, "missing": missing}
        options.json.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return 1 if failures else 0


def parse(tools: list[str]) -> argparse.Namespace:
    def names(known: list[str]):
        def split(value: str) -> list[str]:
            given = value.split(",")
            if unknown := set(given) - set(known):
                raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
            return [name for name in known if name in given]

        return split

    scenarios = list(SCENARIOS)
    parser = argparse.ArgumentParser(prog="bench/run", description="Storekeeper beside other supervisors, in one table.")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: a look, no result")
    parser.add_argument("--only", type=names(scenarios), default=scenarios, metavar="MEASURE,…", help=", ".join(scenarios))
    parser.add_argument("--tools", type=names(tools), default=tools, metavar="TOOL,…", help=", ".join(tools))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    parser.add_argument("--install", action="store_true", help="only install what is needed")
    return parser.parse_args()


def install(tools: dict, wanted: list[str], programs: Programs) -> tuple[dict[str, Path], dict[str, str]]:
    """The programs by tool, and why some are missing."""
    installed, missing = {}, {}
    for name in wanted:
        try:
            installed[name] = tools[name].install(programs)
        except (Failed, OSError) as failure:
            missing[name] = str(failure)
            say(f"{name} is not installed: {failure}")
    return installed, missing
