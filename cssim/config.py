"""Settings: the only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from cssim.errors import BadSetting


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a machine's owner may set; each field is read from CSSIM_<FIELD>."""

    home: Path = Path("cssim-data")
    """Folder that holds all state; it may be moved as a whole."""
    database_url: str = ""
    """SQLAlchemy URL; empty means the SQLite file `cssim.db` in the home folder."""
    project: str = "default"
    """Name of the project that commands and pages work on."""
    host: str = "127.0.0.1"
    """Address that the app listens on."""
    port: int = 8501
    """Port that the app listens on, 1 to 65535."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1`, `mps`: where models run."""
    precision: str = "auto"
    """`auto`, `float32` or `bfloat16`: `auto` takes bfloat16 where the hardware computes in it."""
    models: Path | None = None
    """Folder of backbones, looked in before the Hub, e.g. for `facebook/dino-vitb16`; empty means
    `backbones` in the home folder."""
    max_pixels: int = 100_000_000
    """Images with more pixels than this are refused unread (decompression bombs)."""
    max_upload_mb: int = 64
    """Largest single file that an upload may hold, in megabytes."""
    session_days: int = 14
    """Days for which a sign-in lasts."""
    secure_cookie: bool = False
    """Send the session cookie over HTTPS only; set it behind a TLS proxy."""
    executor: str = "local"
    """`local`: jobs run in worker processes on this machine."""
    heartbeat_seconds: int = 10
    """A running job reports at least this often; after six silent periods it counts as dead."""
    lease_minutes: int = 15
    """For so long a page that was handed out waits for its answer before others may get it."""
    threads: int = 0
    """Threads for the arithmetic of one worker; 0 leaves the choice to torch."""

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise BadSetting(f"{variable(name)} must lie in {low}..{high}, got {value}")
        for name, allowed in _CHOICES:
            if getattr(self, name) not in allowed:
                raise BadSetting(
                    f"{variable(name)} must be one of {', '.join(allowed)}, "
                    f"got {getattr(self, name)!r}"
                )
        if not self.project.strip():
            raise BadSetting(f"{variable('project')} must name a project, got an empty text")
        if self.models is None:
            object.__setattr__(self, "models", self.home / "backbones")

    @property
    def url(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'cssim.db'}"

    @property
    def images(self) -> Path:
        """Folder of the image store."""
        return self.home / "images"

    @property
    def embeddings(self) -> Path:
        """Folder of the embedding cache; safe to delete."""
        return self.home / "embeddings"

    @property
    def checkpoints(self) -> Path:
        """Folder of the trained models."""
        return self.home / "models"

    @property
    def ensembles(self) -> Path:
        """Folder of the saved ensembles."""
        return self.home / "ensembles"

    @property
    def logs(self) -> Path:
        """Folder of the workers' logs."""
        return self.home / "logs"


_RANGES: tuple[tuple[str, int, int], ...] = (
    ("port", 1, 65535),
    ("max_pixels", 10_000, 10_000_000_000),
    ("max_upload_mb", 1, 4096),
    ("session_days", 1, 365),
    ("heartbeat_seconds", 1, 3600),
    ("lease_minutes", 1, 1440),
    ("threads", 0, 1024),
)
_CHOICES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("precision", ("auto", "float32", "bfloat16")),
    ("executor", ("local",)),
)
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def variable(field_name: str) -> str:
    """The environment variable of a settings field."""
    return f"CSSIM_{field_name.upper()}"


def load_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings from `CSSIM_*` variables (an empty one counts as unset), then from `overrides`.

    Raises:
        BadSetting: a value cannot be read or is out of range, or a CSSIM_* name is unknown.
    """
    environ = os.environ if environ is None else environ
    known = {variable(f.name): f for f in fields(Settings)}
    unknown = sorted(n for n in environ if n.startswith("CSSIM_") and n not in known)
    if unknown:
        raise BadSetting(f"unknown setting {unknown[0]}; known are {', '.join(sorted(known))}")
    values = {
        f.name: _parse(name, environ[name], f.type)
        for name, f in known.items()
        if environ.get(name, "") != ""
    }
    values.update({key: value for key, value in overrides.items() if value is not None})
    return Settings(**values)


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment for a process that is to work with these `settings`, on the same home."""
    values = {f.name: getattr(settings, f.name) for f in fields(Settings)}
    values["home"] = settings.home.resolve()
    values["models"] = settings.models.resolve() if settings.models else ""
    return dict(os.environ) | {variable(name): str(value) for name, value in values.items()}


def share_processors() -> None:
    """Let arithmetic threads sleep while they wait for each other; before torch is first loaded.

    By default they spin. Beside a server, a browser or another worker that takes the processor from
    the very thread they wait for: 160 pictures through a small ViT took 0.7 s instead of 6 to 15 s
    on two busy cores. On an idle machine sleeping costs that ViT 0.6 instead of 0.33 s, and larger
    models about a tenth. Whoever has set OMP_WAIT_POLICY keeps it.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _parse(name: str, text: str, kind: Any) -> Any:
    kind = str(kind)
    if kind.startswith("Path"):
        return Path(text).expanduser()
    if kind == "int":
        try:
            return int(text)
        except ValueError:
            raise BadSetting(f"{name} must be a whole number, got {text!r}") from None
    if kind == "bool":
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise BadSetting(f"{name} must be true or false, got {text!r}")
    return text
