"""The machine: its clock, its processes, its facts. Only Linux tells all of this."""

import ctypes
import os
import platform
import resource
import signal
import socket
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def now() -> int:
    """Nanoseconds on the clock that every program of the benchmark reads."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def prepare() -> None:
    """Makes this process the parent of every orphan among its descendants, so that none is lost."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this system has no child subreaper")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def parents() -> dict[int, int]:
    """Every living process and its parent; zombies are dead."""
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = Path("/proc", entry.name, "stat").read_text()
            except OSError:
                continue
            state, parent = stat[stat.rindex(")") + 2 :].split()[:2]
            if state not in "ZX":
                found[int(entry.name)] = int(parent)
    return found


def descendants() -> set[int]:
    """All living processes that this one brought about."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents().items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    rest = [os.getpid()]
    while rest:
        for pid in children.get(rest.pop(), []):
            found.add(pid)
            rest.append(pid)
    return found


def program(pid: int) -> str:
    """Path of a process's program; empty when it is gone."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def arguments(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def memory(pids: set[int]) -> tuple[float, float]:
    """RSS and PSS in MiB."""
    sums = {"Rss": 0, "Pss": 0}
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        for line in text.splitlines():
            key, _, value = line.partition(":")
            if key in sums:
                sums[key] += int(value.split()[0])
    return sums["Rss"] / 1024, sums["Pss"] / 1024


def cpu(pids: set[int]) -> dict[int, int]:
    """Nanoseconds on a processor, for each thread. Finer than the ticks of `stat`."""
    used = {}
    for pid in pids:
        try:
            for thread in os.scandir(f"/proc/{pid}/task"):
                used[int(thread.name)] = int(Path(thread.path, "schedstat").read_text().split()[0])
        except OSError:
            continue
    return used


def wakeups(pids: set[int]) -> dict[int, int]:
    """Voluntary context switches, for each thread."""
    seen = {}
    for pid in pids:
        try:
            for thread in os.scandir(f"/proc/{pid}/task"):
                for line in Path(thread.path, "status").read_text().splitlines():
                    if line.startswith("voluntary_ctxt_switches"):
                        seen[int(thread.name)] = int(line.split()[1])
        except OSError:
            continue
    return seen


def grown(before: dict[int, int], after: dict[int, int]) -> int:
    """What was added; a thread that is new counts whole."""
    return sum(value - before.get(thread, 0) for thread, value in after.items())


def reap() -> None:
    """Buries orphans that came to this process. Its own children have somebody who waits for them."""
    from .run import own_children

    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) in own_children():
            continue
        try:
            stat = Path("/proc", entry.name, "stat").read_text()
            state, parent = stat[stat.rindex(")") + 2 :].split()[:2]
            if state == "Z" and int(parent) == os.getpid():
                os.waitpid(int(entry.name), os.WNOHANG)
        except (OSError, ChildProcessError):
            continue


def end_all(first: set[int] = frozenset()) -> None:
    """Ends every descendant: `first` before the others, so that nothing is started again."""
    deadline = time.monotonic() + 20
    kill(first)
    while (left := descendants()) and time.monotonic() < deadline:
        kill(left)
        reap()
        time.sleep(0.01)
    reap()
    if left:
        raise RuntimeError(f"processes that do not end: {sorted(left)}")


def kill(pids: set[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def facts() -> list[str]:
    """What somebody who compares figures wants to know of the machine."""
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
        platform.machine(),
    )
    total = int(Path("/proc/meminfo").read_text().split()[1]) // 1024
    load = os.getloadavg()
    return [
        f"{os.cpu_count()} × {model}, {total} MiB memory",
        f"Linux {platform.release()}, load {load[0]:.2f} {load[1]:.2f} at the end",
    ]
