"""ZIP files from anywhere are unpacked below one folder, as large as they say, or refused."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cssim.config import load_settings
from cssim.errors import BadInput, NotFound, Unavailable
from cssim.services import packages
from cssim.services.workspace import Workspace, open_workspace

Fill = Callable[[zipfile.ZipFile], object]


def packed(tmp_path: Path, fill: Fill) -> Path:
    file = tmp_path / "package.zip"
    with zipfile.ZipFile(file, "w") as archive:
        fill(archive)
    return file


def unpack(tmp_path: Path, fill: Fill) -> Path:
    target = tmp_path / "target"
    target.mkdir()
    return packages.unpack(packed(tmp_path, fill), target)


def link(name: str, to: str) -> Fill:
    def fill(archive: zipfile.ZipFile) -> None:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, to)

    return fill


def several(*names: str) -> Fill:
    def fill(archive: zipfile.ZipFile) -> None:
        for name in names:
            archive.writestr(name, "{}")

    return fill


def nameless(archive: zipfile.ZipFile) -> None:
    archive.writestr("card.json", "{}")
    archive.filelist[0].filename = archive.filelist[0].orig_filename = ""


def test_the_one_folder_in_it_is_given_or_else_all_of_it(tmp_path: Path) -> None:
    found = unpack(tmp_path, several("near/card.json", "near/model/model.json"))
    assert found == tmp_path / "target" / "near"
    assert sorted(p.name for p in found.rglob("*.json")) == ["card.json", "model.json"]
    (tmp_path / "two").mkdir()
    bare = packages.unpack(packed(tmp_path, several("card.json")), tmp_path / "two")
    assert bare == tmp_path / "two"


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (several("../card.json"), "the path '../card.json'"),
        (several("a/../../card.json"), "the path 'a/../../card.json'"),
        (several("/etc/card.json"), "the path '/etc/card.json'"),
        (several("a\\..\\card.json"), "the path"),
        (several("C:/card.json"), "the path"),
        (several("a/\n.json"), "the path"),
        (several("."), "the path '.'"),
        (nameless, "the path ''"),
        (link("card.json", "/etc/passwd"), "no plain file but a link"),
        (several("model/weights.pkl"), "pickled weights may run code"),
        (several("model/model.PT"), "pickled weights may run code"),
        (several("backbone/code.py"), "expected .json, .md, .safetensors, .txt"),
        (several("card.json", "model"), "expected .json"),
        (several(*(f"{i}.json" for i in range(2001))), "2,001 files, expected 2000 at most"),
    ],
)
def test_what_no_package_holds_is_refused_and_nothing_is_written_outside(
    tmp_path: Path, fill: Fill, message: str
) -> None:
    with pytest.raises(BadInput, match=message.replace("\\", r"\\")):
        unpack(tmp_path, fill)
    written = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert written == ["package.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="a file twice"):
        unpack(tmp_path, several("card.json", "card.json"))


def test_pickled_weights_of_a_backbone_are_passed_over(tmp_path: Path) -> None:
    found = unpack(tmp_path, several("near/card.json", "near/backbone/pytorch_model.bin"))
    assert [path.name for path in found.rglob("*")] == ["card.json"]


def test_a_bomb_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    def bomb(archive: zipfile.ZipFile) -> None:
        with archive.open(zipfile.ZipInfo("model.json"), "w") as file:
            file.write(b"0")
        archive.compression = zipfile.ZIP_DEFLATED
        archive.writestr("zeros.json", bytes(packages.ROOM + 1), zipfile.ZIP_DEFLATED)

    with pytest.raises(BadInput, match="no weights shrink so much"):
        unpack(tmp_path, bomb)
    assert list((tmp_path / "target").iterdir()) == []


def test_a_file_that_is_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    file = packed(tmp_path, lambda a: a.writestr("card.json", b"1" * 1000, zipfile.ZIP_DEFLATED))
    data = bytearray(file.read_bytes())
    at = data.index(b"PK\x01\x02") + 24  # of the file's size in the directory at the end
    data[at : at + 4] = struct.pack("<L", 3)
    file.write_bytes(data)
    (tmp_path / "target").mkdir()
    with pytest.raises(BadInput):
        packages.unpack(file, tmp_path / "target")


@pytest.mark.parametrize("damage", [lambda d: d[:-30], lambda d: b"no zip", lambda d: flipped(d)])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    file = packed(tmp_path, lambda a: a.writestr("card.json", bytes(range(200))))
    file.write_bytes(damage(file.read_bytes()))
    (tmp_path / "target").mkdir()
    with pytest.raises(BadInput, match="no whole ZIP file"):
        packages.unpack(file, tmp_path / "target")


def flipped(data: bytes) -> bytes:
    """One byte of the content is another: its sum no longer fits."""
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]


def test_a_full_disk_is_said_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1})())
    with pytest.raises(Unavailable, match="needs 2 bytes unpacked, and 1 are free"):
        unpack(tmp_path, several("card.json"))


def test_a_package_is_gone_when_it_was_used(tmp_path: Path) -> None:
    ws: Workspace = open_workspace(load_settings(home=tmp_path / "home"))
    file = packed(tmp_path, several("near/card.json"))
    with packages.opened(ws, file) as folder:
        assert (folder / "card.json").is_file()
    assert not folder.exists()
    with packages.opened(ws, tmp_path) as same:
        assert same == tmp_path
    with (
        pytest.raises(NotFound, match="no folder or ZIP file"),
        packages.opened(ws, tmp_path / "x"),
    ):
        pytest.fail("there is nothing")
    ws.close()


def test_a_folder_is_copied_without_what_leads_out_of_it(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "backbone").mkdir(parents=True)
    (source / "backbone" / "config.json").write_text("{}")
    (source / "backbone" / "pytorch_model.bin").write_bytes(b"x")
    packages.copy(source, tmp_path / "copy")
    assert [p.name for p in (tmp_path / "copy").rglob("*") if p.is_file()] == ["config.json"]
    (tmp_path / "secret.json").write_text("{}")
    (source / "link.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(BadInput, match="leads out of"):
        packages.copy(source, tmp_path / "again")
