"""Folders of weights: what counts as one, what is in it, and how one comes from the Hub."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from functools import lru_cache
from pathlib import Path

from cssim.errors import BadInput, Unavailable

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")
_DESCRIPTION = ("config.json", "preprocessor_config.json", "processor_config.json", "*.index.json")
_TIMEOUT = 5.0
"""Seconds to wait for the Hub's first answer before it counts as unreachable."""


def is_model_folder(folder: Path) -> bool:
    """Whether `folder` holds a configuration and weights as Hugging Face lays them out."""
    return (folder / "config.json").is_file() and bool(weight_files(folder))


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights, sorted; safetensors where there are both kinds."""
    for pattern in _WEIGHTS:
        found = sorted(folder.glob(pattern))
        if found:
            return found
    return []


def beside(folder: Path, backbone: str) -> str:
    """The name, for `resolve`, of the backbone of the model in `folder`.

    One that came with the model lies in its folder and is named from there, `./clip-vit`. One that
    is named by a path which is not there any more is looked for beside the model: the home folder
    may have been moved as a whole.
    """
    if backbone.startswith("./"):
        return str(folder / backbone)
    path = Path(backbone)
    if path.is_absolute() and not path.exists():
        for moved in (folder / path.name, folder.parent / path.parent.name / path.name):
            if is_model_folder(moved):
                return str(moved)
    return backbone


def model_type(folder: Path) -> str:
    """The `model_type` of the folder's configuration; empty where it names none."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"{folder / 'config.json'} is not JSON: {error}") from error
    return str(config.get("model_type", "")) if isinstance(config, dict) else ""


def looks_like_hub_name(name: str, models: Path | None) -> bool:
    """Whether `name` reads `owner/name`, or names a folder below `models`."""
    if models is not None and is_model_folder(models / name):
        return True
    return bool(_HUB_NAME.fullmatch(name)) and not name.startswith(".")


def hub_folder(hub: str) -> Path | None:
    """Where the Hub's cache on this machine holds `hub` completely; None where it does not."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(hub, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, HfHubHTTPError):
        return None
    return folder if is_model_folder(folder) else None


def fetch(hub: str, advice: str) -> Path:
    """The folder of `hub` after fetching its configuration and image weights from the Hub.

    Raises:
        Unavailable: the Hub cannot be reached within seconds, or does not give the model out.
    """
    from huggingface_hub import HfApi, errors, snapshot_download

    # The base of its HTTP client's errors, whichever client that is.
    http_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]

    try:
        # One question without retries: snapshot_download alone would try for half a minute.
        info = HfApi().model_info(hub, timeout=_TIMEOUT)
        names = [sibling.rfilename for sibling in info.siblings or ()]
        safe = any(Path(name).match(_WEIGHTS[0]) and "/" not in name for name in names)
        wanted = [*_DESCRIPTION, _WEIGHTS[0] if safe else _WEIGHTS[1]]
        folder = Path(snapshot_download(hub, allow_patterns=wanted, etag_timeout=_TIMEOUT))
    except (http_error, errors.HFValidationError, errors.OfflineModeIsEnabled, OSError) as error:
        logging.getLogger(__name__).info("the Hub did not give %s: %s", hub, error)
        raise Unavailable(f"{hub} cannot be fetched ({_first_line(error)}): {advice}") from error
    if not is_model_folder(folder):
        raise Unavailable(f"{hub} holds no config.json with weights that transformers can read")
    return folder


def content_hash(folder: Path) -> str:
    """SHA-256 of the weights and their configuration; 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in (folder / "config.json", *weight_files(folder)):
        stat = path.stat()
        digest.update(_file_hash(str(path.resolve()), stat.st_size, stat.st_mtime_ns).encode())
    return digest.hexdigest()


@lru_cache(maxsize=256)
def _file_hash(path: str, size: int, mtime_ns: int) -> str:
    """SHA-256 of a file; size and time of change are only there to key the cache."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
