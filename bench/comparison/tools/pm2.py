"""PM2, from npm."""

import json

from .. import machine
from ..log import Files
from ..run import Failed, call
from . import App, CommandStatus, Tool


class Pm2(Tool):
    title = "PM2"
    notes = ["PM2: started by `pm2 start ecosystem.json` and asked by `pm2 jlist` (it has no other status request); it does not rotate."]

    @staticmethod
    def install(programs):
        return programs.pm2()

    @property
    def env(self) -> dict[str, str]:
        return {"PM2_HOME": str(self.place / "home"), "PM2_DISABLE_VERSION_CHECK": "true"}

    def pm2(self, *arguments: str) -> str:
        return call([self.program, *arguments], cwd=self.place, env=self.env)

    def open(self, apps: list[App]) -> None:
        self.apps = apps
        (self.place / "log").mkdir()
        entries = [
            {
                "name": app.name,
                "script": app.command[0],
                "args": app.command[1:],
                "interpreter": "none",
                "cwd": str(self.place),
                "out_file": str(self.place / "log" / f"{app.name}.log"),
                "error_file": str(self.place / "log" / f"{app.name}.err"),
                "merge_logs": True,
                "vizion": False,
            }
            for app in apps
        ]
        (self.place / "ecosystem.json").write_text(json.dumps({"apps": entries}))
        self.pm2("ping")

    def start_all(self) -> None:
        self.pm2("start", "ecosystem.json")

    def reopen(self) -> None:
        self.start_all()

    def main(self) -> int:
        for pid in machine.descendants():
            if " ".join(machine.arguments(pid)).startswith("PM2 "):
                return pid
        raise Failed("the PM2 daemon is gone")

    def status(self):
        return CommandStatus([self.program, "jlist"], self.env)

    def log(self, app):
        return Files(self.place / "log", f"{app}.log")
