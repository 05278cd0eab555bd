"""The floor: `floor.rs`."""

from .. import http, machine
from ..log import Files
from . import App, HttpStatus, Tool


class Floor(Tool):
    title = "floor"
    ready_path = "/ping"
    notes = [
        "floor: bench/floor.rs, one epoll loop of 300 lines that starts, restarts, relays output and answers a status request; "
        "no rotation, no trees, no state."
    ]

    @staticmethod
    def install(programs):
        return programs.floor

    def open(self, apps: list[App]) -> None:
        self.apps = apps
        self.port = machine.free_port()
        (self.place / "log").mkdir()
        lines = ["\t".join([str(self.place / "log" / f"{app.name}.log"), *app.command]) for app in apps]
        (self.place / "list").write_text("".join(line + "\n" for line in lines))
        self.spawn()
        http.wait(self.port, "/ping")

    def spawn(self) -> None:
        self.launch([self.program, self.port, self.place / "list"])

    def start_all(self) -> None:
        http.get(self.port, "/start")

    def status(self):
        return HttpStatus(self.port, "/")

    def log(self, app):
        return Files(self.place / "log", f"{app}.log")
