"""Storekeeper itself."""

import json

from .. import http, machine
from ..log import Files
from . import App, HttpStatus, Tool


class Storekeeper(Tool):
    title = "Storekeeper"
    ready_path = "/ping"
    pings = True
    adopts = True
    notes = ["Storekeeper: the service with its HTTP interface and its keeper process together; started by GET /store/startall."]

    @staticmethod
    def install(programs):
        return programs.storekeeper()

    def open(self, apps: list[App]) -> None:
        self.apps = apps
        self.port = machine.free_port()
        for app in apps:
            folder = self.place / "run" / "linux" / app.name
            folder.mkdir(parents=True)
            program, *arguments = app.command
            install = {"name": app.name, "version": "1", "isDev": True, "hasStart": True}
            store = {"name": app.name, "setting": {"binPath": program, "isOn": True}, "start": {"startCmds": arguments}}
            (folder / "install.json").write_text(json.dumps(install))
            (folder / "store.json").write_text(json.dumps(store))
        self.spawn()
        http.wait(self.port, "/ping")
        for app in apps:
            http.get(self.port, f"/store/install?name={app.name}")
        if any(True for _ in self.app_processes()):
            http.get(self.port, "/store/stopall")

    def spawn(self) -> None:
        self.launch([self.program, "serve", "--home", self.place, "--listen", f"127.0.0.1:{self.port}"])

    def start_all(self) -> None:
        http.get(self.port, "/store/startall")

    def reopen(self) -> None:
        self.spawn()

    def status(self):
        return HttpStatus(self.port, "/store/listporgress")

    def running(self) -> dict[str, int]:
        """The pid of each app that the service says is running."""
        rows = http.get_json(self.port, "/store/listporgress") or []
        return {row["name"]: row["pid"] for row in rows if row["running"]}

    def log(self, app):
        return Files(self.place / "data" / "log", f"{app}.log")
