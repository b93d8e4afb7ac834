"""The app in a process of its own, as people start it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Served:
    """A running app."""

    address: str
    process: subprocess.Popen[bytes]


@contextmanager
def serve(home: Path, *, port: int | None = None, script: str = "app.py") -> Iterator[Served]:
    """The app on this home folder; it ends with the block."""
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", script]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
    environ = {**os.environ, "CSSIM_HOME": str(home), "CSSIM_PORT": str(port)}
    health = "/health" if script == "app.py" else "/_stcore/health"
    log = home / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address + health, process, log)
        yield Served(address, process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)  # its worker ends by itself when its parent is gone


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while not _answers(address):
        assert process.poll() is None, f"the server stopped:\n{log.read_text()}"
        assert time.monotonic() < end, f"the server did not answer in 60 s:\n{log.read_text()}"
        time.sleep(0.1)
