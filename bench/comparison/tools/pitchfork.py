"""pitchfork, from crates.io."""

import json
import shlex

from .. import http, machine
from ..log import Rows
from ..run import Failed, call
from . import App, HttpStatus, Tool


class Pitchfork(Tool):
    title = "pitchfork"
    ready_path = "/api/daemons"
    notes = ["pitchfork: started by `pitchfork start --local`; its log is an SQLite database with a process per app in front."]

    @staticmethod
    def install(programs):
        return programs.pitchfork()

    @property
    def env(self) -> dict[str, str]:
        home = self.place / "home"
        return {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_RUNTIME_DIR": str(home / "runtime"),
            "PITCHFORK_STATE_DIR": str(home / "state"),
            "PITCHFORK_CONFIG_DIR": str(home / "config"),
            "PITCHFORK_LOGS_DIR": str(home / "logs"),
        }

    def open(self, apps: list[App]) -> None:
        self.apps = apps
        self.port = machine.free_port()
        for folder in ("config", "state", "runtime", "logs"):
            (self.place / "home" / folder).mkdir(parents=True)
        (self.place / "home" / "runtime").chmod(0o700)
        text = ['namespace = "bench"']
        for app in apps:
            text += [f"[daemons.{app.name}]", f"run = {json.dumps('exec ' + shlex.join(app.command))}", "retry = true"]
        (self.place / "pitchfork.toml").write_text("\n".join(text) + "\n")
        self.spawn()
        http.wait(self.port, self.ready_path)

    def spawn(self) -> None:
        self.launch([self.program, "supervisor", "run", "--web-port", self.port], env=self.env)

    def start_all(self) -> None:
        try:
            call([self.program, "start", "--local"], cwd=self.place, env=self.env, timeout=180)
        except Failed as error:
            raise Failed(f"{error}; {self.output()}") from error

    def reopen(self) -> None:
        self.spawn()
        http.wait(self.port, self.ready_path)

    def status(self):
        return HttpStatus(self.port, "/api/daemons")

    def log(self, app):
        database = next((self.place / "home").rglob("*.db"), self.place / "home" / "none.db")
        return Rows(database, "log_entries", "message", "daemon_id", f"%{app}")
