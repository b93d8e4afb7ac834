"""The command line: help, exit codes, JSON, and each group of commands."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import cssim
from cssim.cli import main
from cssim.config import load_settings
from cssim.services import jobs, running
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import JobState
from tests.conftest import ROOT
from tests.services.steps import KINDS
from tests.world import make_world


def run(*words: object, code: int = 0, text: str | None = None) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words], input=text)
    assert result.exit_code == code, result.output
    return result


def ask(*words: object) -> Any:
    return json.loads(run(*words, "--json").stdout)


def _leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield (*path, name)
            yield from _leaves(command, (*path, name))
        else:
            yield (*path, name)


LEAVES = sorted(_leaves(main))


@pytest.fixture
def ws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    for kind, runner in KINDS.items():
        monkeypatch.setitem(running.RUNNERS, kind, runner)
    opened = open_workspace(load_settings())
    yield opened
    opened.close()


@pytest.mark.parametrize("leaf", LEAVES, ids=" ".join)
def test_each_command_has_help_with_an_example(leaf: tuple[str, ...]) -> None:
    text = " ".join(run(*leaf, "--help").stdout.split())
    _, example = text.split("Example: python -m cssim ")
    assert " ".join(leaf) in example


@pytest.mark.parametrize("leaf", LEAVES, ids=" ".join)
def test_each_example_is_a_line_that_the_command_takes(
    leaf: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = run(*leaf, "--help").stdout.split("Example: python -m cssim ")[1]
    words = shlex.split(text.split(">")[0].removeprefix("--home cssim-data/demo "))
    for name in words:  # the files and folders that it names
        if name.endswith((".jpg", ".txt", ".pth", ".zip")):
            Path(name).touch()
        elif "/" in name:
            Path(name).mkdir(parents=True)
    command: click.Command = main
    for word in leaf:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    assert words[: len(leaf)] == list(leaf)
    command.make_context(leaf[-1], [word for word in words[len(leaf) :] if word != "--json"])
    assert {word for word in words if word.startswith("tiny")} <= {"tiny-clip", "tiny-dino"}


def test_help_and_start_load_neither_torch_nor_streamlit() -> None:
    code = (
        "import sys; from cssim.cli import main; main(['--help'], standalone_mode=False); "
        "heavy = {'torch', 'streamlit', 'transformers', 'pandas', 'sklearn', 'plotly'}; "
        "print(heavy & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "set()\n")


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cssim", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"cssim, version {cssim.__version__}\n"


def test_wrong_usage_exits_with_2() -> None:
    run("images", "add", code=2)
    run("nonsense", code=2)
    run("train", "x", code=2)


def test_what_cannot_be_done_is_one_message_on_stderr_and_exit_code_1() -> None:
    result = run("compare", "--on", "x", code=1)
    assert result.stdout == ""
    assert result.stderr == (
        "Error: there is no model yet: run `embed` for a frozen one, or `train`\n"
    )


def test_a_bad_setting_is_told_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSSIM_PORT", "many")
    assert "CSSIM_PORT must be a whole number" in run("projects", code=1).stderr


def test_home_and_project_are_chosen_before_the_command(tmp_path: Path) -> None:
    run("--home", tmp_path / "other", "--project", "birds", "projects")
    assert (tmp_path / "other" / "cssim.db").is_file()
    names = [row["name"] for row in ask("--home", tmp_path / "other", "projects")]
    assert names == ["birds", "default"]


def test_images_are_listed_by_tag(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    run("images", "add", world.images, "--tag", "blobs")
    run("images", "add", tmp_path / "answers.csv", code=1)
    found = ask("images", "list", "--tag", "blobs", "--limit", 3)
    assert [image["name"] for image in found] == [f"picture {i:02}.png" for i in range(3)]
    assert run("images", "list", "--tag", "none").stdout == "no images\n"
    assert "picture 00.png" in run("images", "list").stdout


def test_a_refused_file_is_named_and_the_others_go_in(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    (world.images / "broken.jpg").write_bytes(b"not a picture")
    result = run("images", "add", world.images)
    assert "added 14" in result.stdout
    assert "refused broken.jpg: " in result.stderr


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")
    result = run("images", "add", tmp_path, code=1)
    assert f"expected pictures, found none in {tmp_path}" in result.stderr


def test_of_several_label_files_only_the_faulty_ones_stay_out(tmp_path: Path) -> None:
    good, bad, other = (tmp_path / name for name in ("good.csv", "bad.csv", "other.csv"))
    good.write_text("ref,a,b,answer\nr,x,y,A\n")
    bad.write_text("ref,a,b,answer\nr,x,z,perhaps\n")
    other.write_text("ref,a,b,answer\nr,x,z,B\n")
    result = run("labels", "import", good, bad, other, "--kind", "test", code=1)
    assert "bad.csv:2: expected" in result.stderr
    assert [c["cluster"]["name"] for c in ask("labels", "list")] == ["good", "other"]
    named = run("labels", "import", good, other, "--cluster", "w", "--kind", "test", code=1)
    assert "--cluster names one cluster, got 2 files" in named.stderr


def test_a_faulty_label_file_goes_in_only_without_its_faults(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("ref,a,b,answer\nr,x,y,A\nr,x,z,perhaps\n")
    assert "some.csv:3: expected" in run("labels", "import", path, "--kind", "test", code=1).stderr
    assert ask("labels", "list") == []
    result = run("labels", "import", path, "--kind", "test", "--skip-bad")
    assert "skipped" in result.stderr
    (summary,) = ask("labels", "list")
    assert (summary["cluster"]["name"], summary["triples"]) == ("some", 1)
    assert "some" in run("labels", "list").stdout
    run("labels", "export", "all", tmp_path / "out.jsonl")
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 1


def test_people_are_added_changed_and_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    run("users", "add", "Ada", "--role", "administrator", "--ask", text="secret-1\nsecret-1\n")
    monkeypatch.setenv("PASSWORD", "secret-2")
    run("users", "add", "Bea")
    monkeypatch.delenv("PASSWORD")
    run("users", "role", "Bea", "researcher")
    run("users", "password", "Bea", text="secret-3\nsecret-3\n")
    run("users", "deactivate", "Bea")
    people = {person["name"]: person for person in ask("users", "list")}
    assert (people["Bea"]["role"], people["Bea"]["active"]) == ("researcher", False)
    run("users", "activate", "Bea")
    assert run("users", "link", "Bea").stdout.startswith("http://127.0.0.1:8501/enter/")
    assert run("users", "add", "Bea", code=1).stderr.startswith("Error: ")
    assert "Bea" in run("users", "list").stdout


def test_jobs_are_listed_shown_cancelled_and_retried(ws: Workspace, tmp_path: Path) -> None:
    job_id = jobs.enqueue(ws, "count", {"file": tmp_path / "n", "to": 2})
    assert run("jobs", "cancel", job_id).stdout == f"job {job_id} is cancelled\n"
    assert "nothing to cancel" in run("jobs", "cancel", job_id, code=1).stderr
    assert run("jobs", "retry", job_id).stdout == f"job {job_id} is queued\n"
    assert "has not run" in run("jobs", "log", job_id).stdout
    assert f"job {job_id} (count): done" in run("worker", "--once").stdout
    shown = ask("jobs", "show", job_id)
    assert (shown["state"], [e["step"] for e in shown["events"]]) == ("done", [1, 2])
    assert "step=2" in run("jobs", "show", job_id).stdout
    assert f"job {job_id}: done" in run("jobs", "log", job_id).stdout
    assert [job["id"] for job in ask("jobs", "list", "--state", "done")] == [job_id]
    assert run("jobs", "list", "--state", "failed").stdout == "no jobs\n"
    assert "there is no job 99" in run("jobs", "show", 99, code=1).stderr


def test_a_failed_job_in_the_foreground_exits_with_1_and_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    result = run("embed", "dino-vitb16", code=1)
    assert "job 1 failed: dino-vitb16: " in result.stderr
    assert ask("jobs", "list")[0]["state"] == "failed"


def test_an_interrupt_cancels_the_job_at_hand_and_the_command_says_so(
    ws: Workspace, tmp_path: Path
) -> None:
    world = make_world(tmp_path)
    run("images", "add", world.images)
    run("labels", "import", world.answers, "--cluster", "w", "--kind", "validation")
    endless = ("--set", "epochs=5000", "--set", "patience=5000", "--set", "adapter=head")
    words = ("train", "w", "--backbone", str(world.network), *endless)
    training = subprocess.Popen(
        [sys.executable, "-m", "cssim", *words], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    with training:
        try:
            end = time.monotonic() + 120
            while len(jobs.job_events(ws, 1) if jobs.list_jobs(ws) else []) < 2:
                assert time.monotonic() < end, "the training did not get on"
                assert training.poll() is None
                time.sleep(0.05)
            training.send_signal(signal.SIGINT)
            _, errors = training.communicate(timeout=60)
        finally:
            training.kill()
    assert training.returncode == 1
    assert "job 1 was cancelled; `jobs retry 1` goes on with it" in errors
    assert jobs.get_job(ws, 1).state is JobState.CANCELLED


def test_training_settings_are_read_from_the_command_line(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    run("images", "add", world.images)
    run("labels", "import", world.answers, "--cluster", "w", "--kind", "validation")
    words = ("train", "w", "--backbone", world.network, "--detach")
    (job,) = ask(*words, "--set", "rank=2", "--set", "split=reference", "--set", "last_blocks=null")
    config = job["params"]["config"]
    assert (config["rank"], config["split"], config["last_blocks"]) == (2, "reference", None)
    (job,) = ask("train", "--all", "--backbone", world.network, "--together", "--detach")
    assert job["params"]["name"] == f"w-{world.network.name}"
    assert "or give --all" in run("train", "--backbone", world.network, code=2).stderr
    assert "or give --all" in run(*words, "--all", code=2).stderr
    assert "expects FIELD=VALUE" in run(*words, "--set", "rank", code=1).stderr
    assert "rank must be a whole number" in run(*words, "--set", "rank=0", code=1).stderr


def test_empty_lists_say_so() -> None:
    assert "no models yet" in run("models").stdout
    assert ask("models") == []
    assert "no ensembles yet" in run("ensemble", "list").stdout
    assert "no clusters yet" in run("labels", "list").stdout


def test_backbones_say_what_is_reachable_and_how_to_get_the_rest() -> None:
    rows = {row["name"]: row for row in ask("backbones")}
    assert rows["histogram"]["reachable"] is True
    assert "hf download" in run("backbones").stdout
    assert (rows["dino-vits16"]["family"], rows["dino-vits16"]["input_size"]) == ("vit", 224)
    assert all(row["parameters"] and row["input_size"] for row in rows.values() if row["targets"])


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_of_backbones_fits_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = run("backbones").stdout
    assert max(map(len, text.splitlines())) <= width
    for word in (
        "dinov3-vits16",
        "DINOv3 licence (gated)",
        "21.6",
        "class token",
        "q_proj, v_proj",
    ):
        assert word in text
    assert "`hf download facebook/dino-vits16`" in text  # whole, to be copied


def test_one_backbone_says_all_and_how_to_get_it() -> None:
    assert ask("backbones", "show", "vgg-16")["reachable"] is False
    text = run("backbones", "show", "vgg-16").stdout
    assert "`python -m cssim backbones import vgg-16 vgg16-397923af.pth`" in text
    assert "here       yes" in run("backbones", "show", "tiny-clip").stdout
    assert "no backbone is called 'wheels'" in run("backbones", "show", "wheels", code=1).stderr


def test_doctor_finds_a_fresh_installation_healthy() -> None:
    report = ask("doctor")
    assert report["problems"] == []
    assert report["facts"]["installed"]["cssim"] == cssim.__version__
    assert report["facts"]["database"]["integrity"] == "ok"
    assert report["facts"]["state"]["images"] == "0"
    assert "histogram" in report["facts"]["backbones"]["reachable"]


def test_doctor_exits_with_1_where_jobs_wait_for_nobody(ws: Workspace, tmp_path: Path) -> None:
    jobs.enqueue(ws, "count", {"file": tmp_path / "n", "to": 1})
    result = run("doctor", code=1)
    assert "problem: jobs wait and no worker is alive" in result.stderr


def test_the_app_is_started_with_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(os, "chdir", lambda folder: None)
    result = run("--project", "birds", "app", "--port", 8600)
    assert result.stdout == "CS-Sim runs at http://127.0.0.1:8600\n"
    ((program, words, environment),) = calls
    assert program == sys.executable
    assert words[1:5] == ["-m", "streamlit", "run", str(ROOT / "app.py")]
    assert "--server.port=8600" in words
    assert "--server.maxUploadSize=500" in words  # of the largest form, or the server refuses it
    assert (environment["CSSIM_PROJECT"], environment["CSSIM_PORT"]) == ("birds", "8600")
