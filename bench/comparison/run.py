"""Starts programs, and keeps account of them."""

import os
import subprocess
from pathlib import Path

_own: list[subprocess.Popen] = []


class Failed(Exception):
    """A program did not do what it should; the message is for the table."""


def own_children() -> set[int]:
    """The processes that somebody here waits for."""
    return {process.pid for process in _own if process.returncode is None}


def start(command: list, *, cwd: Path, env: dict[str, str] | None = None, output: Path | None = None) -> subprocess.Popen:
    """Starts a program in a session of its own; its output goes to a file."""
    with open(output or os.devnull, "ab") as out:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _own.append(process)
    return process


def finish(process: subprocess.Popen) -> None:
    """Waits for a process that was killed."""
    process.wait(timeout=20)
    _own.remove(process)


def call(command: list, *, cwd: Path | None = None, env: dict[str, str] | None = None, timeout: float = 120) -> str:
    """Runs a program to its end and returns what it printed."""
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from error
    _own.append(process)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.communicate()
        raise Failed(f"{Path(str(command[0])).name} took more than {timeout:.0f} s") from error
    finally:
        _own.remove(process)
    if process.returncode != 0:
        last = (err.strip() or out.strip() or "no output").splitlines()[-1]
        raise Failed(f"{Path(str(command[0])).name} exit {process.returncode}: {last[:200]}")
    return out
