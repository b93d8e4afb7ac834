"""The house keeps its shape: who imports whom, pages that guard themselves, light imports.

The table of layers is the one of docs and design: a module may import what its layer lists,
whether at its top or inside a function (that is only a matter of when).
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

CORE = ("cssim.types", "cssim.errors", "cssim.config", "cssim.words", "cssim.csv_cells")
LIBRARY = (
    "cssim.images",
    "cssim.pixels",
    "cssim.colour",
    "cssim.cosis",
    "cssim.labels",
    "cssim.triples",
    "cssim.sampling",
    "cssim.plots",
    "cssim.demo",
    "cssim.embeddings",
    "cssim.training",
    "cssim.ensembles",
    "cssim.evaluation",
)
SCIENCE = (
    "numpy", "pandas", "PIL", "torch", "sklearn", "scipy", "plotly", "transformers", "peft",
    "safetensors", "pyarrow",
)  # fmt: skip
SIDEWAYS = {
    "cssim.images": ("cssim.pixels", "cssim.colour"),
    "cssim.pixels": ("cssim.colour",),
    "cssim.training": ("cssim.embeddings",),
    # Pictures that a caller hands to an ensemble are decoded as safely as those of the store.
    "cssim.ensembles": ("cssim.embeddings", "cssim.training", "cssim.images", "cssim.pixels"),
    "cssim.demo": ("cssim.images", "cssim.embeddings", "cssim.training"),
}
SEAM = ("cssim.triples",)
"""What every library package may use besides its own modules: triples are their common input."""

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(CORE, CORE),
    **{name: (*CORE, *SCIENCE, *SEAM, name, *SIDEWAYS.get(name, ())) for name in LIBRARY},
    "cssim.labels": (*CORE, *SCIENCE, *SEAM, "cssim.labels", "cssim.cosis"),
    "cssim.embeddings": (*CORE, *SCIENCE, *SEAM, "cssim.embeddings", "huggingface_hub", "httpx"),
    "cssim.services": (*CORE, "cssim", *LIBRARY, "cssim.services", "db", "argon2", "ray", *SCIENCE),
    "cssim.web": (
        *CORE, "cssim", "cssim.services", "cssim.images", "cssim.web", "starlette", "anyio",
        "httpx", "joserfc",
    ),
    "cssim.ui": (
        *CORE, "cssim.services", "cssim.plots", "cssim.ui", "streamlit", "pandas", "plotly",
    ),
    "cssim.cli": (*CORE, "cssim", "cssim.services", "cssim.cli", "db.engine", "click"),
    "cssim.__main__": ("cssim.config", "cssim.cli"),
    "cssim.__init__": ("cssim.ensembles.saved",),
    "db": (*CORE, "db", "sqlalchemy", "alembic"),
    "pages": (*CORE, "cssim.services", "cssim.plots", "cssim.ui", "streamlit", "pandas", "plotly"),
    "app": (
        *CORE, "cssim.services", "cssim.ui", "cssim.web", "streamlit", "starlette", "anyio",
    ),
}  # fmt: skip
EXCEPTIONS = {
    # The type of a session stands in signatures; queries are written in `db` only.
    ("cssim.services", "sqlalchemy.orm.Session"),
}
NEVER_READS_ENVIRONMENT = {"cssim/config.py"}


def sources() -> list[Path]:
    found = [ROOT / "app.py", *(ROOT / "pages").glob("*.py")]
    for folder in ("cssim", "db"):
        found += [p for p in (ROOT / folder).rglob("*.py") if "__pycache__" not in p.parts]
    return sorted(found)


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    whole = ".".join(parts)
    return whole if whole == "cssim.__init__" else whole.removesuffix(".__init__")


def layer_of(module: str) -> str | None:
    """The longest entry of the table that `module` is or lies in."""
    fitting = [entry for entry in MAY_IMPORT if module == entry or module.startswith(entry + ".")]
    return max(fitting, key=len) if fitting else None


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a file imports, `from a import b` as `a.b`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write imports in full"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def allowed(layer: str, imported: str) -> bool:
    if imported.split(".")[0] in sys.stdlib_module_names or (layer, imported) in EXCEPTIONS:
        return True
    # `cssim` alone is the package's front: its version and public names, not all that lies below.
    return any(
        imported == entry or (imported.startswith(entry + ".") and entry != "cssim")
        for entry in MAY_IMPORT[layer]
    ) or ("cssim" in MAY_IMPORT[layer] and imported == "cssim.__version__")


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_module_imports_only_what_its_layer_may(path: Path) -> None:
    layer = layer_of(name_of(path))
    assert layer is not None, f"{path.relative_to(ROOT)} stands in no layer of the table"
    wrong = [f"line {line}: {name}" for line, name in imports(path) if not allowed(layer, name)]
    assert wrong == [], f"{path.relative_to(ROOT)} ({layer}) imports what its layer may not"


def test_the_table_forbids_what_it_should() -> None:
    for layer, name in [
        ("cssim.types", "numpy"),
        ("cssim.training", "sqlalchemy"),
        ("cssim.embeddings", "cssim.training.loop"),
        ("cssim.evaluation", "db.models"),
        ("cssim.services", "streamlit"),
        ("cssim.services", "sqlalchemy.select"),
        ("cssim.web", "torch"),
        ("cssim.web", "cssim.ui.runtime"),
        ("cssim.web", "cssim.training.loop"),
        ("cssim.ui", "sqlalchemy"),
        ("db", "cssim.images"),
        ("pages", "db.engine"),
        ("pages", "pages.home"),
        ("app", "torch"),
    ]:
        assert not allowed(layer, name), f"{layer} may import {name}"


PAGES = sorted((ROOT / "pages").glob("*.py"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_each_page_guards_itself_before_anything_else(path: Path) -> None:
    body = ast.parse(path.read_text("utf-8")).body
    rest = [node for node in body if not isinstance(node, ast.Import | ast.ImportFrom)]
    assert isinstance(rest[0], ast.Expr), "a page begins with a docstring"
    guard = ast.unparse(rest[1])
    roles = ("annotator", "researcher", "administrator")
    assert guard in [f"user = session.require('{role}')" for role in roles]
    late = [node.lineno for node in rest[2:] if isinstance(node, ast.Import | ast.ImportFrom)]
    assert late == []


def test_each_page_stands_in_the_navigation_with_the_role_that_it_requires() -> None:
    from cssim.ui.shell import PAGES as ENTRIES

    required = {
        path.stem: next(
            node.value.args[0].value  # type: ignore[attr-defined]
            for node in ast.parse(path.read_text("utf-8")).body
            if isinstance(node, ast.Assign)
        )
        for path in PAGES
    }
    shown = {entry.name: entry.role.value for entry in ENTRIES if entry.name in required}
    assert shown == required


def test_settings_are_read_in_one_file() -> None:
    readers = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
                readers.add(str(path.relative_to(ROOT)))
    # Starting a child process hands the environment on; it reads no setting from it.
    assert readers - {"cssim/services/executors.py"} <= NEVER_READS_ENVIRONMENT


def modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


HEAVY = {"torch", "transformers", "peft", "sklearn"}


def test_services_and_command_line_start_without_the_heavy_libraries() -> None:
    names = [name_of(p) for p in sources() if "cssim/services" in str(p) or p.stem == "cli"]
    code = "\n".join(f"import {name}" for name in names) + "\nimport cssim"
    loaded = modules_after(code)
    assert HEAVY & loaded == set()
    assert "streamlit" not in loaded


def test_the_web_process_starts_without_the_heavy_libraries() -> None:
    assert HEAVY & modules_after("import app, cssim.ui.shell, cssim.ui.labelling") == set()


def test_importing_the_package_loads_next_to_nothing() -> None:
    loaded = modules_after("import cssim")
    assert not loaded & (HEAVY | {"streamlit", "sqlalchemy", "numpy", "pandas", "PIL"})


def test_no_file_outgrows_one_idea() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in [*sources(), *(ROOT / "cssim").rglob("*.js")]
        if "migrations" not in path.parts
        and path.name != "models.py"  # one list of tables
        and (lines := len(path.read_text("utf-8").splitlines())) > 400
    }
    assert long == {}
