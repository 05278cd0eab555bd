"""The measures. Each scenario takes one tool through one life and returns its figures by metric."""

import json
import os
import shutil
import signal
import socket
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import http, log, machine
from .install import Programs
from .machine import now
from .run import Failed, call, finish, start
from .stamps import Stamps
from .tools import App, CommandStatus, HttpStatus, Tool

Figures = dict[str, float | str]

MANY = 200
CHATTY = 20
INSTALLED = 50
LINES = 1_000_000


@dataclass
class Effort:
    """How often things are done."""

    starts: int
    idle_seconds: float
    kills: int
    trees: int
    requests: int
    commands: int
    prints: int
    quiet_lines: int
    ping_rounds: int
    ping_seconds: float
    ready: int
    slow_seconds: float


FULL = Effort(3, 10, 40, 30, 200, 10, 3, 20, 5, 3, 10, 90)
QUICK = Effort(1, 3, 10, 5, 50, 3, 1, 5, 2, 1, 3, 20)


class Session:
    """A tool in a fresh folder, ended whatever happens."""

    def __init__(self, kind: type[Tool], program: Path, programs: Programs, base: Path) -> None:
        self.folder = base / f"{kind.__name__.lower()}-{now()}"
        self.folder.mkdir()
        self.stamps = Stamps(self.folder)
        self.child = str(programs.child)
        self.tool = kind(programs, self.folder / "place", program)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.tool.close()
        finally:
            self.stamps.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def app(self, name: str, mode: str, *more: str) -> App:
        if mode in ("blocks", "lines", "quiet"):
            os.mkfifo(f"{self.stamps.path}.{name}.go")
        return App(name, [self.child, mode, str(self.stamps.path), name, *more])

    def open(self, apps: list[App]) -> None:
        self.tool.open(apps)

    def started(self) -> tuple[float, dict[str, int]]:
        """Starts all: milliseconds from the order to the last main, and the pids by name."""
        begin = now()
        failures: list[Failed] = []

        def order() -> None:
            try:
                self.tool.start_all()
            except Failed as failure:
                failures.append(failure)

        thread = threading.Thread(target=order)
        thread.start()
        try:
            first = self.stamps.all_of({app.name for app in self.tool.apps}, 120)
        except Failed as failure:
            thread.join()
            raise failures[0] if failures else failure
        thread.join()
        last = max(stamp.time for stamp in first.values())
        return (last - begin) / 1e6, {name: stamp.pid for name, stamp in first.items()}


class Bench:
    """One run: the programs, the effort, the folder of everything that is made."""

    def __init__(self, programs: Programs, base: Path, effort: Effort) -> None:
        self.programs = programs
        self.base = base
        self.effort = effort

    def session(self, kind: type[Tool], program: Path) -> Session:
        return Session(kind, program, self.programs, self.base)

    # --- 200 idle apps

    def fleet(self, kind: type[Tool], program: Path) -> Figures:
        """Start, memory, idle work and status of 200 apps."""
        starts = []
        for turn in range(self.effort.starts):
            with self.session(kind, program) as session:
                session.open([session.app(f"app{n:03}", "idle") for n in range(MANY)])
                starts.append(session.started()[0])
                if turn + 1 < self.effort.starts:
                    continue
                # What a start leaves to do is not idleness.
                time.sleep(5)
                figures = {"start200": statistics.median(starts)}
                figures |= self._idle(session.tool)
                figures |= self._status(session.tool)
                # Memory that was given back while idle comes again with work.
                figures["rss_used"], figures["pss_used"] = machine.memory(session.tool.own_processes())
        return figures

    def _idle(self, tool: Tool) -> Figures:
        pids = tool.own_processes()
        rss, pss = machine.memory(pids)
        cpu, woken, begin = machine.cpu(pids), machine.wakeups(pids), now()
        time.sleep(self.effort.idle_seconds)
        seconds = (now() - begin) / 1e9
        return {
            "rss": rss,
            "pss": pss,
            "processes": len(pids),
            "idle_cpu": machine.grown(cpu, machine.cpu(pids)) / seconds / 1e7,
            "idle_wakeups": machine.grown(woken, machine.wakeups(pids)) / seconds,
        }

    def _status(self, tool: Tool) -> Figures:
        match tool.status():
            case HttpStatus(port, path, body):
                command = [self.programs.load, "latency", port, path, self.effort.requests]
                if body:
                    file = tool.place / "request"
                    file.write_text(body)
                    command.append(file)
                answer = json.loads(call(command))
                return {"status": answer["median_ms"], "status_bytes": answer["bytes"]}
            case CommandStatus(command, env):
                times = []
                for _ in range(self.effort.commands):
                    begin = now()
                    call(command, cwd=tool.place, env=env)
                    times.append((now() - begin) / 1e6)
                return {"status": statistics.median(times), "status_by": "command"}
        return {}

    # --- kill -9 of a child

    def restart(self, kind: type[Tool], program: Path) -> Figures:
        """From the kill of a main process to the main function of its replacement."""
        figures: Figures = {}
        for mode, count, prefix in (("idle", self.effort.kills, "restart"), ("tree", self.effort.trees, "tree")):
            with self.session(kind, program) as session:
                # Each is killed once: a second crash is rightly answered with a pause.
                session.open([session.app(f"app{n:03}", mode) for n in range(count)])
                session.started()
                # Everybody counts an app as started by then.
                time.sleep(4)
                session.stamps.read()
                pids = dict(sorted(session.tool.app_processes()))
                times, ended = self._kill_each(session, pids)
            if not times:
                figures[prefix] = f"none within {self.effort.slow_seconds:.0f} s"
                continue
            times.sort()
            figures[prefix] = statistics.median(times)
            figures[f"{prefix}_p90"] = times[len(times) * 9 // 10]
            figures[f"{prefix}_kills"] = len(times)
            if mode == "tree":
                figures["tree_first"] = f"{ended} of {len(times)}"
        return figures

    def _kill_each(self, session: Session, pids: dict[str, int]) -> tuple[list[float], int]:
        times, ended = [], 0
        deadline = time.monotonic() + self.effort.slow_seconds
        for name, pid in pids.items():
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
            begin = now()
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                # The supervisor replaced it of its own accord.
                continue
            left = max(deadline - time.monotonic(), 0.1)
            new = session.stamps.wait(lambda found: any(stamp.name == name for stamp in found), left)
            for stamp in new:
                if stamp.name == name:
                    times.append((stamp.time - begin) / 1e6)
                    ended += stamp.note == "dead"
        return times, ended

    # --- output

    def output(self, kind: type[Tool], program: Path) -> Figures:
        """A million lines of 100 bytes, and a quiet app's single line."""
        figures: Figures = {}
        with self.session(kind, program) as session:
            turns = [(mode, f"{mode}{turn}") for turn in range(self.effort.prints) for mode in ("blocks", "lines")]
            session.open([session.app(name, mode, str(LINES)) for mode, name in turns] + [session.app("quiet", "quiet")])
            session.started()
            time.sleep(2)
            results: dict[str, list[tuple[float, float, int, int]]] = {"blocks": [], "lines": []}
            for mode, name in turns:
                os.sync()
                results[mode].append(self._print(session, name))
            for mode, rows in results.items():
                figures[f"{mode}_wall"] = statistics.median(row[0] for row in rows)
                figures[f"{mode}_cpu"] = statistics.median(row[1] for row in rows)
                figures[f"{mode}_lost"] = max(row[2] for row in rows)
                figures[f"{mode}_cut"] = max(row[3] for row in rows)
            figures |= self._quiet(session)
        return figures

    def _print(self, session: Session, name: str) -> tuple[float, float, int, int]:
        written = session.tool.log(name)
        pids = session.tool.own_processes()
        cpu = machine.cpu(pids)
        go = session.stamps.go(name)
        session.stamps.read()
        go.tell()
        # While it prints, only the files that rotation will delete need care; looking more often would
        # take a processor away from those that are measured.
        stamps: dict[str, int] = {}
        deadline = time.monotonic() + self.effort.slow_seconds
        while "end" not in stamps and time.monotonic() < deadline:
            written.poll()
            stamps |= {stamp.note: stamp.time for stamp in session.stamps.read() if stamp.name == name}
            time.sleep(0.004)
        last = f"{LINES - 1:09} ".encode()
        while last not in written.newest():
            if time.monotonic() > deadline:
                raise Failed(f"the last line was not in the log after {self.effort.slow_seconds:.0f} s")
            written.poll()
            time.sleep(0.0005)
        end = now()
        go.close()
        time.sleep(0.2)
        used = machine.grown(cpu, machine.cpu(session.tool.own_processes())) / 1e9
        lost, cut = log.check(written.content(), LINES)
        return (end - stamps["begin"]) / 1e9, used, lost, cut

    def _quiet(self, session: Session) -> Figures:
        written = session.tool.log("quiet")
        go = session.stamps.go("quiet")
        delays = []
        for _ in range(self.effort.quiet_lines):
            time.sleep(0.1)
            at = go.tell()
            deadline = at + 5_000_000_000
            while True:
                stamp = newest_quiet_line(written, at)
                seen = now()
                if stamp:
                    delays.append((seen - stamp) / 1e6)
                    break
                if seen > deadline:
                    return {"quiet": "not within 5 s"}
                time.sleep(0.0001)
        go.close()
        return {"quiet": statistics.median(delays), "quiet_max": max(delays)}

    # --- kill -9 of the supervisor

    def crash(self, kind: type[Tool], program: Path) -> Figures:
        """kill -9 of the supervisor itself with 200 apps, and its next start."""
        if kind.reopen is Tool.reopen:
            return {}
        with self.session(kind, program) as session:
            tool = session.tool
            chatty = {f"app{n:03}" for n in range(CHATTY)}
            names = [f"app{n:03}" for n in range(MANY)]
            session.open([session.app(name, "chatty" if name in chatty else "idle") for name in names])
            _, before = session.started()
            time.sleep(4)
            before = dict(tool.app_processes())
            crashed = tool.process if tool.process and tool.process.pid == tool.main() else None
            os.kill(tool.main(), signal.SIGKILL)
            if crashed:
                finish(crashed)
                tool.process = None
            time.sleep(1)
            machine.reap()
            survivors = dict(tool.app_processes())
            figures: Figures = {
                "crash_silent": f"{len(survivors.keys() - chatty)} of {MANY - CHATTY}",
                "crash_chatty": f"{len(survivors.keys() & chatty)} of {CHATTY}",
            }
            session.stamps.read()
            begin = now()
            tool.reopen()
            if tool.adopts:
                figures |= self._adopted(tool, before, begin)
            time.sleep(6)
            after: dict[str, set[int]] = {}
            for name, pid in tool.app_processes():
                after.setdefault(name, set()).add(pid)
            figures["crash_same"] = f"{sum(before.get(name) in pids for name, pids in after.items())} of {MANY}"
            figures["crash_twice"] = sum(len(pids) - 1 for pids in after.values())
            figures |= self._death_of_adopted(session, before, survivors.keys() - chatty)
        return figures

    def _adopted(self, tool: Tool, before: dict[str, int], begin: int) -> Figures:
        """How long after its start the service says of every app that it runs, with the old pid."""
        deadline = begin + 20_000_000_000
        while now() < deadline:
            try:
                if tool.running() == before:
                    return {"adopted": (now() - begin) / 1e6}
            except (OSError, Failed, http.http.client.HTTPException):
                pass
            time.sleep(0.001)
        return {"adopted": "not within 20 s"}

    def _death_of_adopted(self, session: Session, before: dict[str, int], candidates: set[str]) -> Figures:
        living = [name for name in sorted(candidates) if machine.program(before[name])]
        if not living:
            return {"adopted_death": "none lives"}
        delays = []
        events = None
        noticed: list[float] = []
        if session.tool.adopts:
            events = Events(session.tool.port)
        try:
            for name in living[: 10 if session.tool.adopts else 1]:
                session.stamps.read()
                begin = now()
                os.kill(before[name], signal.SIGKILL)
                if events and (at := events.first_about(name, begin)):
                    noticed.append((at - begin) / 1e6)
                new = session.stamps.wait(lambda found: any(stamp.name == name for stamp in found), 30)
                delays += [(stamp.time - begin) / 1e6 for stamp in new if stamp.name == name][:1]
        finally:
            if events:
                events.close()
        figures: Figures = {"adopted_death": statistics.median(delays) if delays else "not within 30 s"}
        if noticed:
            figures["adopted_noticed"] = statistics.median(noticed)
        return figures

    # --- the service's HTTP

    def ready(self, kind: type[Tool], program: Path) -> Figures:
        """From the start of the service to its first answer, with 50 installed apps."""
        if not kind.ready_path:
            return {}
        times = []
        with self.session(kind, program) as session:
            tool = session.tool
            tool.open([session.app(f"app{n:03}", "idle") for n in range(INSTALLED)])
            for _ in range(self.effort.ready):
                tool.close()
                with ThreadPoolExecutor(1) as pool:
                    # The knocker is there first, so that its own start is not measured.
                    answer = pool.submit(call, [self.programs.load, "first", tool.port, kind.ready_path])
                    time.sleep(0.2)
                    begin = now()
                    tool.spawn()
                    times.append((json.loads(answer.result())["at"] - begin) / 1e6)
        return {"ready": statistics.median(times)}

    def ping(self, kind: type[Tool], program: Path) -> Figures:
        """The rate of /ping beside that of a bare actix-web program, in turns."""
        if not kind.pings:
            return {}
        bare_program = self.programs.bare_actix()
        with self.session(kind, program) as session:
            session.open([])
            port = machine.free_port()
            bare = start([bare_program, port], cwd=session.folder)
            try:
                http.wait(port, "/ping")
                ours, theirs = [], []
                for _ in range(self.effort.ping_rounds):
                    ours.append(self._rate(session.tool.port))
                    theirs.append(self._rate(port))
            finally:
                bare.kill()
                finish(bare)
        ratio = statistics.median(a / b for a, b in zip(ours, theirs))
        return {"ping": statistics.median(ours), "ping_bare": statistics.median(theirs), "ping_ratio": ratio}

    def _rate(self, port: int) -> float:
        return json.loads(call([self.programs.load, "rate", port, "/ping", 32, self.effort.ping_seconds]))["per_second"]


class Events:
    """A reader of /api/events that notes when each came."""

    def __init__(self, port: int) -> None:
        self._seen: list[tuple[int, bytes]] = []
        self._socket = http.stream(port, "/api/events")
        self._socket.settimeout(None)
        threading.Thread(target=self._read, daemon=True).start()
        time.sleep(0.3)

    def _read(self) -> None:
        try:
            while data := self._socket.recv(1 << 16):
                self._seen.append((now(), data))
        except OSError:
            # Closed by us.
            return

    def first_about(self, name: str, since: int, seconds: float = 5) -> int | None:
        """When the first event came that names the app."""
        while now() < since + seconds * 1e9:
            for at, data in list(self._seen):
                if at >= since and name.encode() in data:
                    return at
            time.sleep(0.001)
        return None

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def newest_quiet_line(written: log.Log, after: int) -> int | None:
    """The time in the quiet app's last line, when it is a new one."""
    for line in reversed(written.newest().splitlines()):
        stamp = line.rpartition(b"quiet ")[2]
        if stamp.isdigit() and int(stamp) >= after:
            return int(stamp)
    return None


SCENARIOS: dict[str, Callable] = {
    "fleet": Bench.fleet,
    "restart": Bench.restart,
    "output": Bench.output,
    "crash": Bench.crash,
    "ready": Bench.ready,
    "ping": Bench.ping,
}
