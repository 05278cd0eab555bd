"""runit, from Debian."""

import os
import shlex

from ..log import Files
from . import App, CommandStatus, Tool


class Runit(Tool):
    title = "runit"
    notes = [
        "runit: one `runsv` per app; `svlogd` (10 MB a file) only where logs are measured, which halves its processes elsewhere; "
        "asked by one `sv status` over all apps."
    ]
    #: Only apps that print get a logger.
    logged = ("blocks", "lines", "quiet")

    @staticmethod
    def install(programs):
        return programs.runit()

    @property
    def env(self) -> dict[str, str]:
        return {"PATH": f"{self.program.parent}:{os.environ['PATH']}"}

    def open(self, apps: list[App]) -> None:
        self.apps = apps
        for app in apps:
            service = self.place / "service" / app.name
            service.mkdir(parents=True)
            script(service / "run", f"exec {shlex.join(app.command)}")
            if app.command[1] in self.logged:
                folder = self.place / "log" / app.name
                folder.mkdir(parents=True)
                (folder / "config").write_text("s10000000\nn12\n")
                (service / "log").mkdir()
                script(service / "log" / "run", f"exec svlogd {shlex.quote(str(folder))}")

    def start_all(self) -> None:
        self.launch([self.program, self.place / "service"], env=self.env)

    def reopen(self) -> None:
        self.start_all()

    def status(self):
        services = sorted((self.place / "service").iterdir())
        return CommandStatus([self.program.parent / "sv", "status", *services])

    def log(self, app):
        # svlogd also keeps `config`, `lock` and `state` there: its logs are `current` and `@….s`/`.u`.
        return SvlogdFiles(self.place / "log" / app, "")


class SvlogdFiles(Files):
    def _entries(self):
        return [entry for entry in super()._entries() if entry.name == "current" or entry.name.startswith("@")]


def script(path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
