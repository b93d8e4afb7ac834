import os
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from cssim.config import (
    Settings,
    child_environment,
    load_settings,
    share_processors,
    variable,
    worker_environment,
)
from cssim.errors import BadSetting

ROOT = Path(__file__).resolve().parent.parent


def test_without_variables_the_defaults_hold():
    assert load_settings({}) == Settings()


def test_every_field_is_read_from_its_variable():
    values = {
        "home": "h", "database_url": "sqlite:///x.db", "project": "p", "host": "0.0.0.0",
        "port": "80", "device": "cuda", "precision": "bfloat16", "models": "m",
        "max_pixels": "20000", "max_upload_mb": "5", "max_model_mb": "7",
        "session_days": "2", "secure_cookie": "yes",
        "executor": "ray", "ray_address": "10.0.0.5:6379", "ray_cpus": "2", "ray_gpus": "1",
        "heartbeat_seconds": "3", "lease_minutes": "4", "threads": "2",
        "activations_gb": "3",
        "public_url": "https://x.example", "single_user": "no", "rate_person": "5",
        "rate_address": "6", "oidc_issuer": "https://id.example", "oidc_client_id": "c",
        "oidc_client_secret": "s", "oidc_name": "n", "oidc_scopes": "openid x",
        "oidc_provision": "on", "oidc_role_claim": "groups", "oidc_roles": "a=researcher",
    }  # fmt: skip
    assert set(values) == {f.name for f in fields(Settings)}
    found = load_settings({variable(name): value for name, value in values.items()})
    assert found == Settings(
        home=Path("h"), database_url="sqlite:///x.db", project="p", host="0.0.0.0", port=80,
        device="cuda", precision="bfloat16", models=Path("m"), max_pixels=20_000, max_upload_mb=5,
        max_model_mb=7,
        session_days=2, secure_cookie=True, heartbeat_seconds=3, lease_minutes=4, threads=2,
        activations_gb=3, executor="ray", ray_address="10.0.0.5:6379", ray_cpus=2, ray_gpus=1,
        public_url="https://x.example", rate_person=5, rate_address=6,
        oidc_issuer="https://id.example", oidc_client_id="c", oidc_client_secret="s",
        oidc_name="n", oidc_scopes="openid x", oidc_provision=True, oidc_role_claim="groups",
        oidc_roles="a=researcher",
    )  # fmt: skip


def test_an_empty_variable_counts_as_unset_and_overrides_win():
    found = load_settings({"CSSIM_PORT": "", "CSSIM_PROJECT": "mine"}, project="other", host=None)
    assert (found.port, found.project, found.host) == (8501, "other", "127.0.0.1")


def test_a_home_below_the_persons_own_is_found(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert load_settings({"CSSIM_HOME": "~/x"}).home == Path("/somewhere/x")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("CSSIM_PORT", "http", "whole number"),
        ("CSSIM_PORT", "0", "1..65535"),
        ("CSSIM_PORT", "65536", "1..65535"),
        ("CSSIM_PRECISION", "float16", "auto, float32, bfloat16"),
        ("CSSIM_EXECUTOR", "cloud", "local"),
        ("CSSIM_SECURE_COOKIE", "maybe", "true or false"),
        ("CSSIM_PROJECT", " ", "must name a project"),
        ("CSSIM_PORTS", "1", "unknown setting CSSIM_PORTS"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name, text, reason):
    with pytest.raises(BadSetting, match=reason) as caught:
        load_settings({name: text})
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"single_user": "1", "host": "0.0.0.0"}, "CSSIM_HOST=127.0.0.1"),
        ({"single_user": "1", "host": "labels.example"}, "CSSIM_HOST=127.0.0.1"),
        ({"public_url": "labels.example"}, "must be an address"),
        ({"public_url": "https://labels.example/app"}, "must be an address"),
        ({"public_url": "https://user@labels.example"}, "must be an address"),
        ({"oidc_issuer": "http://id.example"}, "must be an address"),
        ({"oidc_issuer": "https://id.example"}, "needs CSSIM_OIDC_CLIENT_ID"),
        ({"oidc_issuer": "https://id.example", "oidc_client_id": "c"}, "needs CSSIM_PUBLIC_URL"),
        ({"oidc_role_claim": "groups"}, "set both, or neither"),
        ({"oidc_role_claim": "groups", "oidc_roles": "a=king"}, "roles annotator"),
    ],
)
def test_settings_of_sign_in_that_do_not_go_together_are_refused(values, reason):
    with pytest.raises(BadSetting, match=reason):
        load_settings({variable(name): value for name, value in values.items()})


def test_the_secret_of_the_provider_is_never_shown():
    found = load_settings({"CSSIM_OIDC_CLIENT_SECRET": "very-secret"})
    assert found.oidc_client_secret == "very-secret"
    assert "very-secret" not in repr(found)


def test_the_app_gets_the_secret_of_the_provider_and_workers_do_not(tmp_path, monkeypatch):
    monkeypatch.setenv("CSSIM_OIDC_CLIENT_SECRET", "very-secret")
    settings = Settings(
        home=tmp_path, threads=2, public_url="https://labels.example", oidc_client_id="us",
        oidc_issuer="https://id.example", oidc_client_secret="very-secret",
    )  # fmt: skip
    assert child_environment(settings)["CSSIM_OIDC_CLIENT_SECRET"] == "very-secret"
    theirs = worker_environment(settings)
    assert "very-secret" not in theirs.values()
    assert not [name for name in theirs if name.startswith("CSSIM_OIDC")]
    read = load_settings(theirs)
    assert (read.home, read.threads, read.oidc_issuer) == (tmp_path, 2, "")


def test_all_state_lies_in_the_home_folder(tmp_path):
    settings = Settings(home=tmp_path)
    assert settings.url == f"sqlite:///{tmp_path}/cssim.db"
    folders = (settings.images, settings.embeddings, settings.checkpoints, settings.ensembles)
    assert {folder.parent for folder in (*folders, settings.logs)} == {tmp_path}
    assert Settings(database_url="postgresql://x/y").url == "postgresql://x/y"


def test_backbones_lie_in_the_home_that_is_asked_for(tmp_path):
    assert load_settings({}, home=tmp_path).models == tmp_path / "backbones"
    assert load_settings({"CSSIM_HOME": "h"}, home=tmp_path).models == tmp_path / "backbones"
    assert load_settings({"CSSIM_MODELS": "m"}, home=tmp_path).models == Path("m")
    assert load_settings({"CSSIM_MODELS": "m"}, home=tmp_path, models=tmp_path).models == tmp_path


def test_other_variables_are_not_read():
    assert load_settings({"PATH": "/bin", "PORT": "1"}) == Settings()


def test_arithmetic_threads_sleep_while_they_wait_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "")  # so that whatever stood there comes back
    monkeypatch.delenv("OMP_WAIT_POLICY")
    share_processors()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    share_processors()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_the_command_line_sets_it_before_torch_is_loaded() -> None:
    code = (
        "import os, runpy, sys; sys.argv = ['cssim', '--version']\n"
        "try: runpy.run_module('cssim', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split()[-2:] == ["PASSIVE", "False"]


def test_a_server_that_is_started_by_hand_takes_the_largest_uploads_of_the_forms() -> None:
    theirs = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    defaults = Settings()
    largest = max(defaults.max_upload_mb, defaults.max_model_mb)
    assert theirs["server"]["maxUploadSize"] == largest
