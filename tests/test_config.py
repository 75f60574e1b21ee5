"""The profile: what stands in it, what is refused, who may read the token."""

import stat
import threading

import pytest

from awlta.config import Profile, check, default_user, home_folder, load
from awlta.errors import ConfigError


def test_a_profile_is_saved_and_loaded(tmp_path):
    profile = Profile(tmp_path, "ada", "CRAB", 3, "postgresql://host/name", node=7)
    profile.save()
    assert load(tmp_path) == profile
    assert [path.name for path in tmp_path.iterdir()] == ["awlta.toml"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": 'ada"\nlevel = 5'},
        {"user": ""},
        {"user": "7seven"},
        {"project": "a b"},
        {"privileges": 0},
        {"privileges": 6},
        {"node": -1},
        {"node": 1 << 15},
        {"database": 'x"y'},
        {"dpu": "a\nb"},
    ],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path, wrong):
    profile = Profile(tmp_path, **({"user": "ada"} | wrong))
    for use in (check, Profile.save):
        with pytest.raises(ConfigError):
            use(profile)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('user = "ada"\nusr = "x"', "unknown key 'usr'"),
        ('user = "ada"\nnode = "7"', "a int|an int"),
        ('user = "ada"\nnode = true', "node = True"),
        ('project = "CRAB"', "names no user"),
        ("user = ada", "is not TOML"),
        ('user = "ada"\nhome = "/"', "unknown key 'home'"),
    ],
)
def test_a_wrong_file_is_refused_and_named(tmp_path, text, why):
    (tmp_path / "awlta.toml").write_text(text)
    with pytest.raises(ConfigError, match=why):
        load(tmp_path)


def test_without_a_profile_the_next_step_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"There is no profile in .*Run 'awlta init'"):
        load(tmp_path)


def test_the_token_is_made_once_and_for_its_owner_alone(tmp_path):
    profile = Profile(tmp_path, "ada")
    tokens = []
    threads = [threading.Thread(target=lambda: tokens.append(profile.token)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 8
    assert len(set(tokens)) == 1
    assert len(tokens[0]) > 30
    assert stat.S_IMODE(profile.token_file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


def test_the_home_folder_and_user_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("AWLTA_HOME", str(tmp_path))
    monkeypatch.setenv("AWLTA_USER", "grace")
    assert (home_folder(), default_user()) == (tmp_path, "grace")
    monkeypatch.setenv("AWLTA_USER", "not a name")
    assert default_user() == "astronomer"
