"""The workspace: for whom it works, and from when to when."""

import pytest
from factories import Exposure, ExposureFactory, Sensor, SensorFactory, Thresholds

from awlta.errors import ConfigError, Refused
from awlta.lineage import Workspace, connect, opened
from awlta.persistent import current_store, store


def test_a_switch_changes_what_is_seen_and_what_new_objects_get(workspace, new_workspace):
    new_workspace("bob", "VELA", level=2).commit(SensorFactory(name="bob's"))
    assert len(Sensor.select_all()) == 0
    workspace.switch(project="VELA")
    assert [s.name for s in Sensor.select_all()] == ["bob's"]
    workspace.switch(level=3)
    workspace.commit(mine := SensorFactory())
    assert (mine._project, mine._privileges) == ("VELA", 3)


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ({"project": "NOWHERE"}, "no project 'NOWHERE'"),
        ({"level": 0}, "no level 0"),
        ({"level": 6}, "no level 6"),
    ],
)
def test_a_switch_that_cannot_be_made_changes_nothing(workspace, where, why):
    before = workspace.context
    with pytest.raises(Refused, match=why):
        workspace.switch(**where)
    assert workspace.context == before


def test_a_workspace_is_opened_for_a_block(new_profile):
    profile = new_profile()
    profile.save()
    with opened(profile) as workspace:
        assert current_store() is workspace
        workspace.commit(Thresholds())
    assert store.get(None) is not workspace


def test_a_workspace_is_connected_until_another_is(new_profile):
    before = store.get(None)
    workspace = connect(new_profile())
    assert isinstance(workspace, Workspace)
    assert current_store() is workspace
    workspace.close()
    if before is not None:
        store.set(before)


def test_a_home_without_database_says_how_to_begin(new_profile, tmp_path):
    profile = new_profile()
    (tmp_path / "awlta.db").unlink()
    with pytest.raises(ConfigError, match=r"There is no database .*awlta init"):
        Workspace(profile)


def test_a_dataserver_of_its_own_is_started_and_ended(new_profile):
    with opened(new_profile()) as workspace:
        exposure = ExposureFactory(make=True)
        assert Exposure.select_all().first() is exposure
        child = workspace._dataserver
        assert child.is_running
    assert not child.is_running
