"""Each failure is made for real, on a file, and told in words."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError

from cssim.errors import Unavailable
from db.engine import open_database
from db.failures import in_words


def table(path: Path) -> Path:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("create table t (x)"))
    engine.dispose()
    return path


def failing(url: str, *statements: str) -> DatabaseError:
    """The error of the last statement."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            for statement in statements[:-1]:
                connection.execute(text(statement))
            with pytest.raises(DatabaseError) as caught:
                connection.execute(text(statements[-1]))
    finally:
        engine.dispose()
    return caught.value


def read_only(path: Path) -> DatabaseError:
    return failing(f"sqlite:///file:{table(path)}?mode=ro&uri=true", "insert into t values (1)")


def held(path: Path) -> DatabaseError:
    holder = create_engine(f"sqlite:///{table(path)}")
    with holder.connect() as connection:
        connection.exec_driver_sql("begin immediate")
        error = failing(f"sqlite:///{path}?timeout=0", "begin immediate")
    holder.dispose()
    return error


def full(path: Path) -> DatabaseError:
    return failing(
        f"sqlite:///{table(path)}",
        "pragma max_page_count = 2",
        "insert into t values (zeroblob(100000))",
    )


@pytest.mark.parametrize(
    ("make", "what", "remedy"),
    [
        (read_only, "cannot be written", "may be written"),
        (held, "is held by another process", "Try again"),
        (full, "has no room to grow", "disk is full"),
    ],
)
def test_a_failure_of_a_sqlite_file_is_told_with_what_to_do(
    tmp_path: Path, make: Callable[[Path], DatabaseError], what: str, remedy: str
):
    path = tmp_path / "some.db"
    told = in_words(make(path), f"sqlite:///{path}")
    assert isinstance(told, Unavailable)
    assert f"{path} {what}: " in str(told)
    assert remedy in str(told)
    assert "SQL:" not in str(told)


def test_a_table_that_is_not_there_is_a_defect_and_stays_one(tmp_path):
    url = f"sqlite:///{tmp_path / 'some.db'}"
    assert in_words(failing(url, "select * from nothing"), url) is None


def test_other_errors_are_not_the_databases_fault():
    assert in_words(ValueError("no"), "sqlite:///some.db") is None


def test_a_damaged_file_is_named_with_the_way_out(tmp_path):
    path = tmp_path / "some.db"
    path.write_text("This is a letter and no database, and long enough to be read as one. " * 20)
    with pytest.raises(Unavailable, match=r"some\.db is damaged.*backup"):
        open_database(f"sqlite:///{path}")
