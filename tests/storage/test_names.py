from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awlta.errors import BadName
from awlta.storage.names import check_name

LEGAL = string.ascii_letters + string.digits + "._+-"
FIRST = string.ascii_letters + string.digits + "_+"


@pytest.mark.parametrize(
    "name", ["a", "LST-1.Run02008.0000.fits.fz", "x" * 200, "_", "a.b", "a+b_c-d.part.h5"]
)
def test_an_honest_name_is_returned_unchanged(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "is empty"),
        ("x" * 201, "has 201 characters"),
        (".", "begins with '.'"),
        ("..", "begins with '.'"),
        (".part", "begins with '.'"),
        ("-rf", "begins with '-'"),
        ("a..b", "holds '..'"),
        ("a/b", "holds '/'"),
        ("/etc/passwd", "holds '/'"),
        ("a\\b", "holds '\\\\\\\\'"),
        ("a b", "holds ' '"),
        ("a\n", r"holds '\\n'"),
        ("a\x00", r"holds '\\x00'"),
        ("\u00e9t\u00e9", "holds '\u00e9'"),
        ("run\u0661", "holds '\u0661'"),
        ("\ud800", "holds"),
        ("a%2Fb", "holds '%'"),
        ("a?b", r"holds '\?'"),
        ("x.part", "is reserved"),
        ("names", "is reserved"),
    ],
)
def test_a_hostile_name_is_refused_and_told_why(name, fault):
    with pytest.raises(BadName, match=fault) as caught:
        check_name(name)
    assert "Give the file another name" in str(caught.value)


@given(st.sampled_from(FIRST), st.text(LEGAL, max_size=199))
def test_every_name_of_the_legal_letters_passes_unless_it_climbs_or_is_reserved(first, rest):
    name = first + rest
    if ".." in name or name.endswith(".part") or name == "names":
        with pytest.raises(BadName):
            check_name(name)
    else:
        assert check_name(name) == name


@given(st.text(max_size=30))
def test_what_passes_is_one_plain_path_component(name):
    try:
        check_name(name)
    except BadName:
        return
    assert set(name) <= set(LEGAL)
    assert name not in (".", "..")
    assert name[0] in FIRST
