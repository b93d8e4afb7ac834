"""The app as a process that can be killed and started again on the same home and port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class RunningApp:
    """`streamlit run app.py`, as people start it."""

    def __init__(
        self,
        home: Path,
        *,
        database_url: str = "",
        port: int = 0,
        script: str = "app.py",
        rate_person: int = 20,
        project: str = "default",
    ) -> None:
        self.home, self.port, self.script = home, port or free_port(), script
        self._environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("CSSIM_")},
            "CSSIM_HOME": str(home),
            "CSSIM_DATABASE_URL": database_url,
            "CSSIM_PORT": str(self.port),
            "CSSIM_RATE_PERSON": str(rate_person),
            "CSSIM_PROJECT": project,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the process; it does not answer yet."""
        assert self.process is None or self.process.poll() is not None, "it runs already"
        command = [sys.executable, "-m", "streamlit", "run", self.script]
        command += ["--server.port", str(self.port), "--server.address", "127.0.0.1"]
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "server.log").open("ab") as out:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self._environ, stdout=out, stderr=subprocess.STDOUT
            )
        self.starts += 1

    def kill(self) -> None:
        """SIGKILL: nothing of the process runs after this."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        """Ask it to end, as Ctrl-C does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)

    def wait(self, seconds: float = 60) -> None:
        """Return once it answers."""
        end = time.monotonic() + seconds
        while not self.answers():
            assert self.process is not None
            log = self.home / "server.log"
            assert self.process.poll() is None, f"the server stopped:\n{log.read_text()}"
            assert time.monotonic() < end, f"no answer in {seconds} s:\n{log.read_text()}"
            time.sleep(0.1)

    def answers(self) -> bool:
        """Whether it answers now."""
        try:
            health = "/health" if self.script == "app.py" else "/_stcore/health"
            with urllib.request.urlopen(self.address + health, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
