"""What the children say of themselves: who is in its main function, and since when."""

import errno
import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .machine import now
from .run import Failed


@dataclass
class Stamp:
    name: str
    pid: int
    time: int
    note: str


class Stamps:
    """The FIFO into which every child writes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "stamps"
        os.mkfifo(self.path)
        # Opened for both, so that no child ever waits for a reader, and the end is never seen.
        self._fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        self._rest = b""

    def close(self) -> None:
        os.close(self._fd)

    def read(self) -> list[Stamp]:
        """What has come since the last time."""
        try:
            data = self._rest + os.read(self._fd, 1 << 16)
        except BlockingIOError:
            return []
        *lines, self._rest = data.split(b"\n")
        found = []
        for line in lines:
            name, pid, time_, note = line.decode().split(" ")
            found.append(Stamp(name, int(pid), int(time_), note))
        return found

    def wait(self, wanted: Callable[[list[Stamp]], bool], seconds: float, pause: float = 0.0) -> list[Stamp]:
        """Everything that comes until it is enough. With a `pause` this process stays out of the way of the measured ones."""
        found: list[Stamp] = []
        deadline = time.monotonic() + seconds
        while not wanted(found):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            if pause:
                time.sleep(pause)
            else:
                select.select([self._fd], [], [], left)
            found += self.read()
        return found

    def all_of(self, names: set[str], seconds: float) -> dict[str, Stamp]:
        """The first stamp of each of the apps."""
        found = self.wait(lambda stamps: names <= {stamp.name for stamp in stamps}, seconds, pause=0.02)
        first: dict[str, Stamp] = {}
        for stamp in found:
            first.setdefault(stamp.name, stamp)
        missing = names - first.keys()
        if missing:
            raise Failed(f"{len(missing)} of {len(names)} apps did not start within {seconds:.0f} s")
        return first

    def go(self, name: str, seconds: float = 20) -> "Go":
        return Go(Path(f"{self.path}.{name}.go"), seconds)


class Go:
    """Tells one child to begin."""

    def __init__(self, path: Path, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
                return
            except OSError as error:
                # The child has not opened it yet.
                if error.errno not in (errno.ENXIO, errno.ENOENT) or time.monotonic() > deadline:
                    raise Failed(f"the app behind {path.name} does not listen") from error
                time.sleep(0.01)

    def tell(self) -> int:
        at = now()
        os.write(self._fd, b".")
        return at

    def close(self) -> None:
        os.close(self._fd)
