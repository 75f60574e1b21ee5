"""Run by ctapipe's interpreter (see peers.py): print as JSON what ctapipe finds in event files.

Usage: ctapipe_files.py types | read FILE | tell FILE | copy FILE TO | merge ONE OTHER TO |
process FILE TO
"""

import json
import sys
import warnings

import numpy as np
import tables

warnings.simplefilter("ignore")


def read(path):
    """Go through a file with each reader that ctapipe has."""
    from ctapipe.instrument import SubarrayDescription
    from ctapipe.io import HDF5EventSource, TableLoader, read_table

    found = {"tables": {}, "units": {}}
    with tables.open_file(path) as file:
        for node in file.walk_nodes("/", "Table"):
            table = read_table(file, node._v_pathname)
            found["tables"][node._v_pathname] = len(table)
            units = {n: str(table[n].unit) for n in table.colnames if hasattr(table[n], "unit")}
            found["units"][node._v_pathname] = {n: u for n, u in units.items() if u != "None"}
        triggers = read_table(file, "/dl1/event/subarray/trigger")
        found["times"] = triggers["time"].utc.isot.tolist()
    found["subarray"] = described(SubarrayDescription.from_hdf(path))
    with TableLoader(path, dl1_images=True) as loader:
        events = loader.read_telescope_events_by_id()
        found["telescopes"] = {
            int(tel_id): {
                "event_id": table["event_id"].tolist(),
                "image_sum": table["image"].sum(axis=1, dtype=float).tolist(),
                "n_kept": table["image_mask"].sum(axis=1).tolist(),
                "length": table["hillas_length"].quantity.to_value("deg").tolist(),
                "alt": table["HillasReconstructor_alt"].quantity.to_value("deg").tolist(),
            }
            for tel_id, table in events.items()
        }
        rows = loader.read_subarray_events(observation_info=True)
        found["energy"] = rows["Forest_energy"].quantity.to_value("GeV").tolist()
        found["start"] = rows["actual_start_time"].utc.isot[0]
    with HDF5EventSource(path) as source:
        found["events"] = [one(event) for event in source]
    return found


def types():
    """Tell the codes of the types of events."""
    from ctapipe.containers import EventType

    return {kind.name: kind.value for kind in EventType}


def tell(path):
    """Tell whether ctapipe takes a file of unknown format for an event file."""
    from ctapipe.io import HDF5EventSource

    return HDF5EventSource.is_compatible(path)


def described(subarray):
    """Return what ctapipe understands of the telescopes."""
    return {
        "name": subarray.name,
        "location": [float(c.to_value("m")) for c in subarray.reference_location.geocentric],
        "telescopes": {
            int(tel_id): {
                "name": t.name,
                "position": subarray.positions[tel_id].to_value("m").tolist(),
                "size": t.optics.size_type.value,
                "shape": t.optics.reflector_shape.value,
                "focal_length": t.optics.effective_focal_length.to_value("m"),
                "area": t.optics.mirror_area.to_value("m2"),
                "camera": t.camera.name,
                "pixel_x": t.camera.geometry.pix_x.to_value("m").tolist(),
                "pixel_shape": t.camera.geometry.pix_type.value,
                "pixel_rotation": t.camera.geometry.pix_rotation.deg,
                "rate": t.camera.readout.sampling_rate.to_value("GHz"),
                "pulse": t.camera.readout.reference_pulse_shape.tolist(),
                "n_neighbors": t.camera.geometry.neighbor_matrix.sum(axis=1).tolist(),
            }
            for tel_id, t in subarray.tel.items()
        },
    }


def one(event):
    """Return what ctapipe understands of an event."""
    return {
        "event_id": int(event.index.event_id),
        "obs_id": int(event.index.obs_id),
        "kind": event.trigger.event_type.name,
        "tel_ids": [int(t) for t in event.trigger.tels_with_trigger],
        "image_sum": {int(t): float(c.image.sum(dtype=float)) for t, c in event.dl1.tel.items()},
        "length": {
            int(t): float(c.parameters.hillas.length.to_value("deg"))
            for t, c in event.dl1.tel.items()
        },
        "alt": float(event.dl2.stereo.geometry["HillasReconstructor"].alt.to_value("deg")),
        "ra": float(event.monitoring.pointing.array_ra.to_value("deg")),
    }


def copy(path, to):
    """Write all events of a file anew by ctapipe's DataWriter."""
    from ctapipe.core import Provenance
    from ctapipe.io import DataWriter, HDF5EventSource

    Provenance().start_activity("copy")
    with HDF5EventSource(path) as source:
        # of what it reads of DL2 itself, it takes the mask of telescopes for a list
        options = {"write_dl1_images": True, "write_dl2": False, "overwrite": True}
        options |= {"transform_image": True, "transform_peak_time": True}
        with DataWriter(event_source=source, output_path=to, **options) as writer:
            for event in source:
                writer(event)
    return np.__version__


def merge(one_path, other, to):
    """Run ctapipe-merge."""
    from ctapipe.core import run_tool
    from ctapipe.tools.merge import MergeTool

    log = f"--provenance-log={to}.provenance"
    return run_tool(MergeTool(), [one_path, other, f"--output={to}", log], cwd="/", raises=True)


def process(path, to):
    """Run ctapipe-process: images are cleaned and described anew."""
    from ctapipe.core import run_tool
    from ctapipe.tools.process import ProcessorTool

    log = f"--provenance-log={to}.provenance"
    what = ["--write-images", "--write-parameters", "--quiet"]
    return run_tool(
        ProcessorTool(), [f"--input={path}", f"--output={to}", log, *what], cwd="/", raises=True
    )


if __name__ == "__main__":
    verbs = {v.__name__: v for v in (types, read, tell, copy, merge, process)}
    json.dump(verbs[sys.argv[1]](*sys.argv[2:]), sys.stdout)
