"""The tables of event files: where they stand, and what their columns are.

This is the data model of CTAO's event files, version 7.1, as ctapipe 0.28 writes it.
"""

from __future__ import annotations

from ..events import EventType
from .columns import Column, Columns, counts, prefixed, reals

MODEL = "v7.1.0"
"""Version of the data model that is written."""

TRIGGER = "dl1/event/subarray/trigger"
TEL_TRIGGER = "dl1/event/telescope/trigger"
IMAGES = "dl1/event/telescope/images"
PARAMETERS = "dl1/event/telescope/parameters"
MUONS = "dl1/event/telescope/muon"
DL2_SUBARRAY = "dl2/event/subarray"
DL2_TELESCOPE = "dl2/event/telescope"
SHOWERS = "simulation/event/subarray/shower"
TRUE_IMAGES = "simulation/event/telescope/images"
TRUE_PARAMETERS = "simulation/event/telescope/parameters"
TRUE_IMPACTS = "simulation/event/telescope/impact"
POINTING = "configuration/telescope/pointing"
SCHEDULING_BLOCKS = "configuration/observation/scheduling_block"
OBSERVATION_BLOCKS = "configuration/observation/observation_block"
LAYOUT = "configuration/instrument/subarray/layout"
OPTICS = "configuration/instrument/telescope/optics"
CAMERA = "configuration/instrument/telescope/camera"


_NAN = float("nan")
_OBS = Column("obs_id", "i4", "observation block")
_EVENT = (_OBS, Column("event_id", "i8", "event of the array"))
_TEL = Column("tel_id", "i2", "telescope")
_TEL_EVENT = (*_EVENT, _TEL)


def _flag(about: str, default: bool = False) -> Column:
    return Column("is_valid", "?", about, default=default)


def _telescopes(n_telescopes: int) -> Column:
    about = "telescopes that were used"
    return Column(
        "telescopes", "?", about, shape=(n_telescopes,), default=False, means="telescopes"
    )


def trigger(n_telescopes: int) -> Columns:
    """Return the columns of the triggers of the array."""
    mask = Column(
        "tels_with_trigger",
        "?",
        "telescopes that triggered",
        shape=(n_telescopes,),
        means="telescopes",
    )
    return (*_EVENT, _TIME, mask, _EVENT_TYPE)


_TIME = Column("time", "u4", "time of the trigger", shape=(2,), default=0, means="time")
_EVENT_TYPE = Column(
    "event_type", "i8", "kind of event", default=int(EventType.SUBARRAY), means="enum:EventType"
)

TEL_TRIGGER_COLUMNS: Columns = (
    *_TEL_EVENT,
    _TIME,
    _EVENT_TYPE,
    *counts([("n_trigger_pixels", "pixels above the threshold of the trigger")]),
)


def images(n_pixels: int) -> Columns:
    """Return the columns of the images of a telescope."""
    shape = (n_pixels,)
    return (
        *_TEL_EVENT,
        Column("image", "f4", "charge of each pixel in p.e.", shape=shape),
        Column("peak_time", "f4", "time of the pulse in ns since the first sample", shape=shape),
        Column("image_mask", "?", "pixels that cleaning kept", shape=shape, default=False),
        _flag("whether extraction succeeded", default=True),
    )


def true_images(n_pixels: int) -> Columns:
    """Return the columns of the simulated images of a telescope."""
    return (
        *_TEL_EVENT,
        Column("true_image_sum", "i4", "simulated p.e. of all pixels", default=-1),
        Column("true_image", "i4", "simulated p.e. of each pixel", shape=(n_pixels,)),
    )


_SHAPE = reals(
    [
        ("intensity", "", "light of the image in p.e."),
        ("skewness", "", "third moment along the axis"),
        ("kurtosis", "", "fourth moment along the axis"),
        ("fov_lon", "deg", "centre of gravity, longitude in the field of view"),
        ("fov_lat", "deg", "centre of gravity, latitude in the field of view"),
        ("r", "deg", "centre of gravity, distance from the centre"),
        ("phi", "deg", "centre of gravity, polar angle"),
        ("length", "deg", "standard deviation along the axis"),
        ("length_uncertainty", "deg", "uncertainty of the length"),
        ("width", "deg", "standard deviation across the axis"),
        ("width_uncertainty", "deg", "uncertainty of the width"),
        ("psi", "deg", "angle of the axis"),
        ("psi_uncertainty", "deg", "uncertainty of psi"),
        ("transverse_cog_uncertainty", "deg", "uncertainty of the centre across the axis"),
    ]
)
_TIMING = reals(
    [
        ("intercept", "", "time at the centre of gravity in ns"),
        ("deviation", "", "root mean square of times about the line in ns"),
        ("slope", "deg**-1", "change of time along the axis in ns"),
    ]
)
_LEAKAGE = (
    *reals(
        [
            ("pixels_width_1", "", "fraction of kept pixels in the outermost row"),
            ("pixels_width_2", "", "fraction of kept pixels in the two outermost rows"),
        ]
    ),
    *reals(
        [
            ("intensity_width_1", "", "fraction of light in the outermost row"),
            ("intensity_width_2", "", "fraction of light in the two outermost rows"),
        ],
        "f4",
    ),
)
_CONCENTRATION = reals(
    [
        ("cog", "", "fraction of light about the centre of gravity"),
        ("core", "", "fraction of light in the ellipse"),
        ("pixel", "", "fraction of light in the brightest pixel"),
    ]
)
_MORPHOLOGY = counts(
    [
        ("n_pixels", "pixels kept"),
        ("n_islands", "islands"),
        ("n_small_islands", "islands of one and two pixels"),
        ("n_medium_islands", "islands of three to fifty pixels"),
        ("n_large_islands", "islands of more than fifty pixels"),
    ]
)


def _statistics(of: str) -> Columns:
    moments = [("skewness", "", f"skewness of {of}"), ("kurtosis", "", f"excess kurtosis of {of}")]
    return (
        *reals([(n, "", f"{n} of {of}") for n in ("max", "min", "mean", "std")], "f4"),
        *reals(moments),
    )


_OF_CHARGE: Columns = (
    *prefixed("hillas", _SHAPE),
    *prefixed("leakage", _LEAKAGE),
    *prefixed("concentration", _CONCENTRATION),
    *prefixed("morphology", _MORPHOLOGY),
    *prefixed("intensity", _statistics("charges of kept pixels")),
)

PARAMETER_COLUMNS: Columns = (
    *_TEL_EVENT,
    *prefixed("hillas", _SHAPE),
    *prefixed("timing", _TIMING),
    *_OF_CHARGE[len(_SHAPE) :],
    *prefixed("peak_time", _statistics("times of kept pixels")),
    Column("psi", "f8", "angle to the core", "deg", default=_NAN, prefix="core"),
)

TRUE_PARAMETER_COLUMNS: Columns = (*_TEL_EVENT, *prefixed("true", _OF_CHARGE))

MUON_COLUMNS: Columns = (
    *_TEL_EVENT,
    *prefixed(
        "muonring",
        reals(
            [
                ("center_fov_lon", "deg", "centre of the ring, longitude in the field of view"),
                ("center_fov_lat", "deg", "centre of the ring, latitude in the field of view"),
                ("radius", "deg", "radius of the ring"),
                ("center_fov_lon_err", "deg", "uncertainty of the centre, longitude"),
                ("center_fov_lat_err", "deg", "uncertainty of the centre, latitude"),
                ("radius_err", "deg", "uncertainty of the radius"),
                ("center_phi", "deg", "polar angle of the centre"),
                ("center_distance", "deg", "distance of the centre from that of the camera"),
            ]
        ),
    ),
    *prefixed(
        "muonparameters",
        (
            *reals(
                [
                    ("containment", "", "fraction of the ring inside the camera"),
                    ("completeness", "", "fraction of segments of the ring with light"),
                    ("intensity_ratio", "", "fraction of light on the ring"),
                    ("mean_squared_error", "deg**2", "of the pixels about the ring"),
                    ("ring_intensity", "", "light on the ring in p.e."),
                    ("intensity_outside_ring", "", "light off the ring in p.e."),
                ]
            ),
            *counts([("n_pixels_in_ring", "kept pixels on the ring")]),
            *reals(
                [
                    ("mean_intensity_outside_ring", "", "mean light about the ring in p.e."),
                    ("radial_std_dev", "deg", "standard deviation of light along the radius"),
                    ("skewness", "", "skewness of light along the radius"),
                    ("excess_kurtosis", "", "excess kurtosis of light along the radius"),
                ]
            ),
        ),
    ),
    *prefixed(
        "muonefficiency",
        (
            *reals(
                [
                    ("width", "deg", "width of the ring"),
                    ("impact", "m", "distance of the impact from the centre of the mirror"),
                    ("impact_x", "m", "impact, x"),
                    ("impact_y", "m", "impact, y"),
                    ("optical_efficiency", "", "light found of light expected"),
                ]
            ),
            _flag("whether the fit converged"),
            Column(
                "parameters_at_limit", "?", "whether a parameter is at its limit", default=False
            ),
            *reals([("likelihood_value", "", "cost at the minimum")]),
        ),
    ),
)


def geometry(name: str, n_telescopes: int) -> Columns:
    """Return the columns of directions and cores by one method."""
    columns = (
        *reals(
            [
                ("alt", "deg", "altitude of the shower"),
                ("alt_uncert", "deg", "uncertainty of the altitude"),
                ("az", "deg", "azimuth of the shower"),
                ("az_uncert", "deg", "uncertainty of the azimuth"),
                ("ang_distance_uncert", "deg", "radius of uncertainty of the direction"),
                ("core_x", "m", "core on the ground, to the north"),
                ("core_y", "m", "core on the ground, to the west"),
                ("core_uncert_x", "m", "uncertainty of the core, to the north"),
                ("core_uncert_y", "m", "uncertainty of the core, to the west"),
                ("core_tilted_x", "m", "core in the plane across the pointing, x"),
                ("core_tilted_y", "m", "core in the plane across the pointing, y"),
                ("core_tilted_uncert_x", "m", "uncertainty of the core in that plane, x"),
                ("core_tilted_uncert_y", "m", "uncertainty of the core in that plane, y"),
                ("h_max", "m", "height of the maximum above the sea"),
                ("h_max_uncert", "m", "uncertainty of the height"),
            ]
        ),
        _flag("whether the shower was reconstructed"),
        *reals(
            [
                ("average_intensity", "", "mean light of the images used, in p.e."),
                ("goodness_of_fit", "", "quality of the fit"),
            ]
        ),
        _telescopes(n_telescopes),
    )
    return (*_EVENT, *prefixed(name, columns))


def energy(name: str, n_telescopes: int) -> Columns:
    """Return the columns of energies by one method."""
    columns = (
        *reals(
            [("energy", "TeV", "energy"), ("energy_uncert", "TeV", "uncertainty of the energy")]
        ),
        _flag("whether the energy was reconstructed"),
        *reals([("goodness_of_fit", "", "quality of the fit")]),
        _telescopes(n_telescopes),
    )
    return (*_EVENT, *prefixed(name, columns))


def classification(name: str, n_telescopes: int) -> Columns:
    """Return the columns of the kind of particle by one method."""
    columns = (
        *reals([("prediction", "", "from 0 (background) to 1 (gamma ray)")]),
        _flag("whether the event was classified"),
        *reals([("goodness_of_fit", "", "quality of the fit")]),
        _telescopes(n_telescopes),
    )
    return (*_EVENT, *prefixed(name, columns))


_IMPACT = reals(
    [
        ("distance", "m", "distance of the telescope from the axis of the shower"),
        ("distance_uncert", "m", "uncertainty of the distance"),
    ]
)

TRUE_IMPACT_COLUMNS: Columns = (*_TEL_EVENT, *prefixed("true_impact", _IMPACT))


def impact(name: str) -> Columns:
    """Return the columns of distances from the axis by one method."""
    return (*_TEL_EVENT, *prefixed(f"{name}_tel_impact", _IMPACT))


SHOWER_COLUMNS: Columns = (
    *_EVENT,
    *prefixed(
        "true",
        (
            *reals(
                [
                    ("energy", "TeV", "energy of the primary"),
                    ("alt", "deg", "altitude of the shower"),
                    ("az", "deg", "azimuth of the shower"),
                    ("core_x", "m", "core, to the north"),
                    ("core_y", "m", "core, to the west"),
                    ("h_first_int", "m", "height of the first interaction"),
                    ("x_max", "g.cm**-2", "depth of the maximum"),
                    ("starting_grammage", "g.cm**-2", "depth at which the primary starts"),
                ]
            ),
            Column("shower_primary_id", "i8", "0 is a gamma ray, 1 e-, 101 a proton", default=-1),
        ),
    ),
)
