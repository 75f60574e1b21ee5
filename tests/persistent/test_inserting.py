"""Rows arrive as they are, however much of them is the same."""

import sqlite3
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from awlta.persistent.engine.inserting import thinned

VALUE = st.sampled_from([None, 0, 1, -7, 1 << 62, "", "a'b", 1.5, b"\x00"])
NUMBER = st.sampled_from([None, 0, 1, -7])
OFTEN = (1, 2)


@given(
    st.lists(st.tuples(VALUE, NUMBER, NUMBER, VALUE, VALUE), min_size=1, max_size=20),
    st.sets(st.integers(0, 4)),
)
def test_what_is_the_same_in_all_rows_is_in_the_statement_and_arrives(rows, same):
    rows = [tuple(rows[0][n] if n in same else v for n, v in enumerate(row)) for row in rows]
    marks, kept = thinned(rows, OFTEN)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (a, b, c, d, e)")
        connection.executemany(f"INSERT INTO t VALUES ({', '.join(marks)})", kept)
        assert connection.execute("SELECT * FROM t").fetchall() == rows


def test_owner_and_project_and_what_no_row_has_are_said_once():
    rows = [(n, 3, 4, None, f"label {n}") for n in range(20)]
    marks, kept = thinned(rows, OFTEN)
    assert marks == ["?", "3", "4", "NULL", "?"]
    assert list(kept) == [(n, f"label {n}") for n in range(20)]
    one_differs = [*rows, (20, 3, 4, 1, "label 20")]
    marks, kept = thinned(one_differs, OFTEN)
    assert marks == ["?", "3", "4", "?", "?"]
    assert list(kept)[-1] == (20, 1, "label 20")
