"""The logs that the supervisors write, read while they write them."""

import os
import sqlite3
from pathlib import Path

FILLER = b"x" * 89
LINE = len(FILLER) + 10


class Log:
    """One app's output on disk."""

    def poll(self) -> None:
        """Called often while the app prints."""

    def newest(self) -> bytes:
        """The end of what is in the log."""
        raise NotImplementedError

    def content(self) -> list[bytes]:
        """All that was ever in the log, file by file."""
        raise NotImplementedError


class Files(Log):
    """Files in one folder, whose names begin alike. A second link keeps each one that rotation deletes."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self.folder = folder
        self.prefix = prefix
        self.kept = folder.parent / f"kept-{folder.name}-{prefix}"
        self.seen: set[int] = set()

    def poll(self) -> None:
        for entry in self._entries():
            try:
                inode = entry.stat().st_ino
                if inode not in self.seen:
                    self.kept.mkdir(exist_ok=True)
                    os.link(entry.path, self.kept / str(inode))
                    self.seen.add(inode)
            except OSError:
                # It was renamed under our eyes; the next look finds it.
                continue

    def newest(self) -> bytes:
        files = []
        for entry in self._entries():
            try:
                files.append((entry.stat().st_mtime_ns, entry.path))
            except OSError:
                continue
        ends = []
        # The newest line may be the last of a file that was rotated since.
        for _, path in sorted(files)[-2:]:
            try:
                with open(path, "rb") as file:
                    file.seek(max(0, os.fstat(file.fileno()).st_size - 512))
                    ends.append(file.read())
            except OSError:
                continue
        return b"\n".join(ends)

    def content(self) -> list[bytes]:
        self.poll()
        return [path.read_bytes() for path in self.kept.iterdir()] if self.kept.exists() else []

    def _entries(self):
        try:
            return [entry for entry in os.scandir(self.folder) if entry.name.startswith(self.prefix) and entry.is_file()]
        except OSError:
            return []


class Rows(Log):
    """Rows of an SQLite database."""

    def __init__(self, database: Path, table: str, column: str, key: str, like: str) -> None:
        self.database = database
        self.last = f"SELECT {column} FROM {table} WHERE {key} LIKE '{like}' ORDER BY id DESC LIMIT 1"
        self.all = f"SELECT {column} FROM {table} WHERE {key} LIKE '{like}' ORDER BY id"

    def newest(self) -> bytes:
        return b"".join(self._rows(self.last))

    def content(self) -> list[bytes]:
        return [b"".join(row + b"\n" for row in self._rows(self.all))]

    def _rows(self, query: str) -> list[bytes]:
        try:
            connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=1)
        except sqlite3.Error:
            return []
        try:
            return [row[0].encode() for row in connection.execute(query)]
        except sqlite3.Error:
            return []
        finally:
            connection.close()


def check(content: list[bytes], count: int) -> tuple[int, int]:
    """How many of the numbered lines are lost, and how many pieces of cut lines there are."""
    found = bytearray(count)
    cut = 0
    for part in content:
        for line in part.split(b"\n"):
            # A timestamp or name before the line is the tool's own affair.
            text = line[-LINE:]
            if len(text) == LINE and text.endswith(FILLER) and text[:9].isdigit():
                found[int(text[:9])] = 1
            elif line:
                cut += 1
    return count - sum(found), cut
