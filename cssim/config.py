"""Settings: the only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
    """`auto`, `float32` or `bfloat16`: `auto` takes bfloat16 where the hardware gains by it."""
    models: Path | None = None
    """Folder of backbones, looked in before the Hub, e.g. for `facebook/dino-vitb16`; empty means
    `backbones` in the home folder."""
    max_pixels: int = 100_000_000
    """Images with more pixels than this are refused unread (decompression bombs)."""
    max_upload_mb: int = 64
    """Largest single file that an upload may hold, in megabytes."""
    max_model_mb: int = 500
    """Largest file of a model or an ensemble that may be uploaded, in megabytes; it is in memory
    while it comes in. The command line takes larger ones."""
    session_days: int = 14
    """Days for which a sign-in lasts."""
    secure_cookie: bool = False
    """Send the session cookie over HTTPS only; set it behind a TLS proxy."""
    public_url: str = ""
    """Address under which people reach the app, such as `https://labels.example.org`, for links."""
    single_user: bool = False
    """Whoever opens the app on this very machine is its owner, without a sign-in; loopback only."""
    rate_person: int = 20
    """Requests a second to the API that one person may make for long; 0 means any number."""
    rate_address: int = 200
    """The same for one network address, behind which many people may sit."""
    oidc_issuer: str = ""
    """Identity provider (OpenID Connect) that may sign people in, by its issuer's address."""
    oidc_client_id: str = ""
    """What the provider calls this installation."""
    oidc_client_secret: str = field(default="", repr=False)
    """What the provider gave with it; empty for a public client."""
    oidc_name: str = "your organisation"
    """What the sign-in page calls the provider."""
    oidc_scopes: str = "openid email profile"
    """Scopes to ask the provider for, `openid` among them."""
    oidc_provision: bool = False
    """Let everybody in whom the provider knows; else only people whose address is known here."""
    oidc_role_claim: str = ""
    """Claim of the ID token that says what people may do, e.g. `groups`; empty: it is set here."""
    oidc_roles: str = ""
    """What its values mean: `lab=researcher,crowd=annotator`."""
    executor: str = "local"
    """`local`: jobs run in worker processes on this machine; `ray`: on those of a Ray cluster."""
    ray_address: str = ""
    """Address of the Ray cluster, e.g. `10.0.0.5:6379`; empty starts one on this machine."""
    ray_cpus: int = 1
    """Processors that Ray reserves for each job."""
    ray_gpus: int = 0
    """GPUs that Ray reserves for each job."""
    heartbeat_seconds: int = 10
    """A running job reports at least this often; after six silent periods it counts as dead."""
    lease_minutes: int = 15
    """For so long a page that was handed out waits for its answer before others may get it."""
    activations_gb: int = 10
    """Room on disk, in gigabytes, for what the frozen part of backbones makes of images, which
    models of one backbone share; 0: each training run computes its own."""
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
        _check_accounts(self)
        if not self.project.strip():
            raise BadSetting(f"{variable('project')} must name a project, got an empty text")
        if self.models is None:
            object.__setattr__(self, "models", self.home / "backbones")

    @property
    def url(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'cssim.db'}"

    @property
    def session_cookie(self) -> str:
        """Name of the session cookie; over HTTPS one that no other host can set."""
        return "__Host-cssim_session" if self.secure_cookie else "cssim_session"

    @property
    def site(self) -> str:
        """The address under which people reach the app, without a slash at the end."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def oidc_role_map(self) -> dict[str, str]:
        """Role by value of the provider's claim."""
        pairs = (pair.partition("=") for pair in self.oidc_roles.split(",") if pair.strip())
        return {value.strip(): role.strip() for value, _, role in pairs}

    @property
    def images(self) -> Path:
        """Folder of the image store."""
        return self.home / "images"

    @property
    def embeddings(self) -> Path:
        """Folder of the embedding cache; safe to delete."""
        return self.home / "embeddings"

    @property
    def activations(self) -> Path:
        """Folder of the activations that training runs share; safe to delete."""
        return self.home / "activations"

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


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this very machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_accounts(settings: Settings) -> None:
    """What the settings of sign-in must be together."""
    if settings.single_user and not is_loopback(settings.host):
        raise BadSetting(
            f"{variable('single_user')} lets everybody in who reaches the app, so it needs "
            f"{variable('host')}=127.0.0.1 (or ::1), got {settings.host!r}"
        )
    _check_address("public_url", settings.public_url)
    _check_address("oidc_issuer", settings.oidc_issuer)
    wrong = [role for role in settings.oidc_role_map.values() if role not in _ROLES]
    if wrong:
        raise BadSetting(
            f"{variable('oidc_roles')} must read value=role,value=role with the roles "
            f"{', '.join(_ROLES)}, got {wrong[0]!r}"
        )
    if bool(settings.oidc_role_claim) != bool(settings.oidc_roles):
        raise BadSetting(
            f"{variable('oidc_role_claim')} and {variable('oidc_roles')} go together: "
            "set both, or neither"
        )
    if settings.oidc_issuer:
        for name in ("oidc_client_id", "public_url"):
            if not getattr(settings, name):
                raise BadSetting(f"{variable('oidc_issuer')} needs {variable(name)} as well")
        if "openid" not in settings.oidc_scopes.split():
            raise BadSetting(f"{variable('oidc_scopes')} must hold openid")


def _check_address(name: str, address: str) -> None:
    """An address of the web, over HTTPS unless it is on this machine."""
    if not address:
        return
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise BadSetting(f"{variable(name)} must be a web address, got {address!r}") from None
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if name == "public_url":
        safe = parts.scheme in ("http", "https") and parts.path in ("", "/")
    if not (safe and host) or parts.query or parts.fragment or parts.username:
        what = "http(s)://host[:port]" if name == "public_url" else "https://..."
        raise BadSetting(f"{variable(name)} must be an address such as {what}, got {address!r}")


_ROLES = ("annotator", "researcher", "administrator")
_RANGES: tuple[tuple[str, int, int], ...] = (
    ("port", 1, 65535),
    ("max_pixels", 10_000, 10_000_000_000),
    ("max_upload_mb", 1, 4096),
    ("max_model_mb", 1, 65_536),
    ("session_days", 1, 365),
    ("heartbeat_seconds", 1, 3600),
    ("lease_minutes", 1, 1440),
    ("activations_gb", 0, 100_000),
    ("threads", 0, 1024),
    ("ray_cpus", 1, 1024),
    ("ray_gpus", 0, 64),
    ("rate_person", 0, 100_000),
    ("rate_address", 0, 1_000_000),
)
_CHOICES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("precision", ("auto", "float32", "bfloat16")),
    ("executor", ("local", "ray")),
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
    given = tuple(sorted((name, environ[name]) for name in environ if name.startswith("CSSIM_")))
    settings = _read(given, os.environ.get("HOME"))
    wanted = {key: value for key, value in overrides.items() if value is not None}
    if "home" in wanted and not environ.get(variable("models")):
        wanted.setdefault("models", None)  # backbones lie in the home that is asked for
    return replace(settings, **wanted) if wanted else settings


@lru_cache(maxsize=32)
def _read(given: tuple[tuple[str, str], ...], _home: str | None) -> Settings:
    """Settings from these variables; read once, as the server asks with each request."""
    known = {variable(f.name): f for f in fields(Settings)}
    unknown = [name for name, _ in given if name not in known]
    if unknown:
        raise BadSetting(f"unknown setting {unknown[0]}; known are {', '.join(sorted(known))}")
    values = {
        known[name].name: _parse(name, text, known[name].type) for name, text in given if text
    }
    return Settings(**values)


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment for a process that is to work with these `settings`, on the same home."""
    values = {f.name: getattr(settings, f.name) for f in fields(Settings)}
    values["home"] = settings.home.resolve()
    values["models"] = settings.models.resolve() if settings.models else ""
    return dict(os.environ) | {variable(name): str(value) for name, value in values.items()}


def worker_environment(settings: Settings) -> dict[str, str]:
    """The same for a process that runs jobs: without what signs people in, secrets among it."""
    whole = child_environment(settings)
    signing_in = {variable(f.name) for f in fields(Settings) if f.name.startswith("oidc_")}
    return {name: value for name, value in whole.items() if name not in signing_in}


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
