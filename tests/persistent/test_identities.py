"""An object is in memory once, and as long as anybody holds it."""

from awlta.persistent.engine.identities import Identities


class Thing:
    """Something to be held."""


def test_objects_are_found_as_long_as_they_are_held_and_keys_of_others_are_forgotten():
    found, held = Identities(), [Thing() for _ in range(10_000)]
    for key, thing in enumerate(held):
        found.keep(key, thing)
    assert all(found.get(key) is thing for key, thing in enumerate(held))
    del held[10:], thing
    assert found.get(9_999) is None
    for key in range(20_000, 60_000):
        found.keep(key, Thing())
    assert [found.get(key) for key in range(10)] == held
    assert len(found._held) < 10_000
