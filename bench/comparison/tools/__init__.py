"""What the measures ask of a supervisor, and the supervisors that can."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .. import machine
from ..install import Programs
from ..log import Log
from ..run import Failed, finish, start


@dataclass
class App:
    """One app that is to be kept running."""

    name: str
    command: list[str]


@dataclass
class HttpStatus:
    """The state of all apps is one HTTP request."""

    port: int
    path: str
    body: str = ""


@dataclass
class CommandStatus:
    """The state of all apps is one run of a program: there is no request."""

    command: list
    env: dict[str, str] = field(default_factory=dict)


class Tool:
    """A supervisor in a folder of its own. The measures call, in this order: `open`, `start_all`, perhaps
    `crash` and `reopen`, `close`."""

    title: str
    #: Said below the table.
    notes: list[str] = []
    #: Takes its apps over after a crash, and says when it has: then `reopen` alone is measured.
    adopts = False
    #: What is asked for to see whether it is ready to serve, if it has HTTP.
    ready_path = ""
    #: Its `/ping` is compared with a bare program's.
    pings = False

    def __init__(self, programs: Programs, place: Path, program: Path) -> None:
        self.programs = programs
        self.program = program
        self.place = place
        self.apps: list[App] = []
        self.process = None
        place.mkdir(parents=True)

    @staticmethod
    def install(programs: Programs) -> Path:
        """The program, installed if need be."""
        raise NotImplementedError

    def open(self, apps: list[App]) -> None:
        """Makes the apps known. None runs afterwards; the supervisor does, if it can without them."""
        raise NotImplementedError

    def start_all(self) -> None:
        """One order: start every app."""
        raise NotImplementedError

    def spawn(self) -> None:
        """Starts the supervisor's process; the apps are known to it."""
        raise NotImplementedError

    def reopen(self) -> None:
        """Starts the supervisor again after its crash, as a boot would."""
        raise NotImplementedError

    def status(self) -> HttpStatus | CommandStatus | None:
        return None

    def log(self, app: str) -> Log:
        raise NotImplementedError

    def main(self) -> int:
        """The process whose crash is the crash of the supervisor."""
        return self.process.pid

    def launch(self, command: list, *, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
        self.process = start(command, cwd=cwd or self.place, env=env, output=self.place / "output")

    def output(self) -> str:
        """The last that the supervisor said, for a failure's message."""
        try:
            return (self.place / "output").read_text(errors="replace").strip()[-300:]
        except OSError:
            return ""

    def own_processes(self) -> set[int]:
        """Everything that runs beside the apps, helpers of the apps' tools included."""
        return {pid for pid in machine.descendants() if machine.program(pid) != str(self.programs.child)}

    def app_processes(self) -> Iterator[tuple[str, int]]:
        """Name and pid of every living main process of an app; descendants are not listed."""
        for pid in machine.descendants():
            if machine.program(pid) == str(self.programs.child):
                arguments = machine.arguments(pid)
                if len(arguments) > 3 and arguments[1] != "descendant":
                    yield arguments[3], pid

    def close(self) -> None:
        machine.end_all(self.own_processes())
        if self.process is not None:
            finish(self.process)
            self.process = None


def registry() -> dict[str, type[Tool]]:
    """Every tool by its short name, in the table's order."""
    from . import floor, horust, pitchfork, pm2, runit, storekeeper, supervisord

    return {
        "storekeeper": storekeeper.Storekeeper,
        "floor": floor.Floor,
        "supervisord": supervisord.Supervisord,
        "pm2": pm2.Pm2,
        "runit": runit.Runit,
        "horust": horust.Horust,
        "pitchfork": pitchfork.Pitchfork,
    }


__all__ = ["App", "CommandStatus", "Failed", "HttpStatus", "Tool", "registry"]
