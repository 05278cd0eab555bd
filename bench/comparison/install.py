"""Puts the programs of the comparison into the cache folder, with the ordinary clients of their registries."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from .run import Failed, call

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent

SUPERVISOR = "4.3.0"
PM2 = "7.0.4"
HORUST = "0.1.14"
PITCHFORK = "2.33.0"

HOUR = 3600.0


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "storekeeper-bench"


class Programs:
    """Where everything lies once it is installed."""

    def __init__(self) -> None:
        self.cache = cache()
        self.tools = self.cache / "tools"
        self.tools.mkdir(parents=True, exist_ok=True)
        self.child = self._compile("child")
        self.load = self._compile("load")
        self.floor = self._compile("floor")

    def _compile(self, name: str) -> Path:
        source, target = HERE / f"{name}.rs", self.cache / name
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            call(["rustc", "--edition", "2024", "-O", "-o", target, source])
        return target

    def storekeeper(self) -> Path:
        return self._cargo_build("storekeeper", ["--bin", "storekeeper"], "release/storekeeper")

    def bare_actix(self) -> Path:
        return self._cargo_build("the bare actix program", ["--example", "bench_ping"], "release/examples/bench_ping")

    def _cargo_build(self, title: str, what: list[str], path: str) -> Path:
        say(f"building {title}")
        call(["cargo", "build", "--release", "--quiet", *what], cwd=ROOT, timeout=HOUR)
        target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
        return target / path

    def supervisord(self) -> Path:
        def install(folder: Path) -> None:
            call([sys.executable, "-m", "venv", folder])
            call([folder / "bin/pip", "--quiet", "install", f"supervisor=={SUPERVISOR}"], timeout=600)

        return self._once("supervisord", "bin/supervisord", install)

    def pm2(self) -> Path:
        def install(folder: Path) -> None:
            call(["npm", "install", "--silent", "--prefix", folder, f"pm2@{PM2}"], timeout=600)

        return self._once("pm2", "node_modules/.bin/pm2", install)

    def runit(self) -> Path:
        def install(folder: Path) -> None:
            # Unpacked only: the package would register services of its own.
            folder.mkdir()
            call(["apt-get", "--quiet", "download", "runit"], cwd=folder, timeout=600)
            package = next(folder.glob("runit_*.deb"))
            call(["dpkg-deb", "-x", package, folder])

        return self._once("runit", "usr/bin/runsvdir", install)

    def horust(self) -> Path:
        return self._once("horust", "bin/horust", self._cargo_install("horust", HORUST))

    def pitchfork(self) -> Path:
        return self._once("pitchfork", "bin/pitchfork", self._cargo_install("pitchfork-cli", PITCHFORK))

    def _cargo_install(self, crate: str, version: str) -> Callable[[Path], None]:
        def install(folder: Path) -> None:
            command = ["cargo", "install", crate, "--version", version, "--locked", "--quiet"]
            call([*command, "--root", folder, "--target-dir", self.cache / "build"], timeout=HOUR)

        return install

    def _once(self, name: str, program: str, install: Callable[[Path], None]) -> Path:
        folder = self.tools / name
        if not (folder / program).exists():
            say(f"installing {name} into {folder}")
            shutil.rmtree(folder, ignore_errors=True)
            try:
                install(folder)
            except Failed:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        return folder / program


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
