"""Horust, from crates.io."""

import json
import shlex

from ..log import Files
from . import App, Tool


class Horust(Tool):
    title = "Horust"
    notes = ["Horust: knows no order to start; its own start is measured. Its rotation at 10 MiB cuts a line at each file's end. No status request."]

    @staticmethod
    def install(programs):
        return programs.horust()

    def open(self, apps: list[App]) -> None:
        self.apps = apps
        for folder in ("services", "log", "uds"):
            (self.place / folder).mkdir()
        for app in apps:
            lines = [
                f"command = {json.dumps(shlex.join(app.command))}",
                f"stdout = {json.dumps(str(self.place / 'log' / f'{app.name}.log'))}",
                'stdout-rotate-size = "10MiB"',
                f"working-directory = {json.dumps(str(self.place))}",
                '[restart]\nstrategy = "always"\nbackoff = "0s"',
                '[failure]\nstrategy = "ignore"',
            ]
            (self.place / "services" / f"{app.name}.toml").write_text("\n".join(lines) + "\n")

    def start_all(self) -> None:
        self.launch([self.program, "--services-path", self.place / "services", "--uds-folder-path", self.place / "uds"])

    def reopen(self) -> None:
        self.start_all()

    def log(self, app):
        return Files(self.place / "log", f"{app}.log")
