# cython: cdivision=True
"""Pure C on one cleaned image: all its parameters.

Method: `_moments.pxd` for the moments, `_timing.pxd` for the times along the axis,
`_statistics.pxd` for charges and times by themselves; leakage is the part of the image in the
outermost one and two rows of pixels, concentration the part close to its centre. Twin:
`reference.describe`.
"""

from libc.math cimport cos, sin
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t

from awlta.kernels.images._islands cimport label_islands
from awlta.kernels.images._moments cimport gather, has_shape, hillas_t, light_t, parametrise
from awlta.kernels.images._statistics cimport describe_values, statistics_t
from awlta.kernels.images._timing cimport LINE_ROOM, fit_line, line_t

# Largest small and largest medium island, pixels.
cdef enum:
    SMALL = 2
    MEDIUM = 50
    # Rows of the room of real numbers that a description works in: the light (3), times, places.
    WIDE_ROOM = 5 + LINE_ROOM

cdef struct leakage_t:
    double pixels_width_1
    double pixels_width_2
    double intensity_width_1
    double intensity_width_2

cdef struct concentration_t:
    double cog
    double core
    double pixel

cdef struct morphology_t:
    int64_t n_pixels
    int64_t n_islands
    int64_t n_small_islands
    int64_t n_medium_islands
    int64_t n_large_islands

cdef struct parameters_t:
    # A row of `images.PARAMETERS`, in its order.
    hillas_t hillas
    line_t timing
    leakage_t leakage
    concentration_t concentration
    morphology_t morphology
    statistics_t intensity
    statistics_t peak_time


cdef inline void measure_leakage(
    const light_t* light, const uint8_t* border, double intensity, leakage_t* row
) noexcept nogil:
    """Fractions on the camera's edge; `border` has bit 1 in the outermost row, 2 in two rows."""
    cdef Py_ssize_t n_1 = 0
    cdef Py_ssize_t n_2 = 0
    cdef double charge_1 = 0.0
    cdef double charge_2 = 0.0
    cdef Py_ssize_t i
    for i in range(light.n_pixels):
        if border[light.pixel[i]] & 1:
            n_1 += 1
            charge_1 += light.charge[i]
        if border[light.pixel[i]] & 2:
            n_2 += 1
            charge_2 += light.charge[i]
    row.pixels_width_1 = <double>n_1 / light.n_pixels
    row.pixels_width_2 = <double>n_2 / light.n_pixels
    row.intensity_width_1 = charge_1 / intensity
    row.intensity_width_2 = charge_2 / intensity


cdef inline void measure_concentration(
    const light_t* light, const double* width, const hillas_t* hillas, concentration_t* row
) noexcept nogil:
    """Fractions within a pixel width of the centre, in the ellipse, in the brightest pixel."""
    cdef double cos_psi = cos(hillas.psi)
    cdef double sin_psi = sin(hillas.psi)
    cdef double near = 0.0
    cdef double core = 0.0
    cdef double brightest = light.charge[0]
    cdef double x, y, reach, longitudinal, transverse
    cdef Py_ssize_t i
    for i in range(light.n_pixels):
        x = light.x[i]
        y = light.y[i]
        reach = width[light.pixel[i]]
        brightest = max(brightest, light.charge[i])
        if x * x + y * y < reach * reach:
            near += light.charge[i]
        if hillas.width != 0.0:
            longitudinal = (x * cos_psi + y * sin_psi) / hillas.length
            transverse = (y * cos_psi - x * sin_psi) / hillas.width
            if longitudinal * longitudinal + transverse * transverse <= 1.0:
                core += light.charge[i]
    row.cog = near / hillas.intensity
    row.core = core / hillas.intensity
    row.pixel = brightest / hillas.intensity


cdef inline void take_sizes(
    const light_t* light, int16_t n_islands, int16_t* labels, int32_t* sizes
) noexcept nogil:
    """Count the pixels of each label into `sizes`, and set the labels back to 0."""
    cdef Py_ssize_t i
    for i in range(n_islands + 1):
        sizes[i] = 0
    for i in range(light.n_pixels):
        sizes[labels[light.pixel[i]]] += 1
        labels[light.pixel[i]] = 0


cdef inline void count_islands(
    const light_t* light, int16_t n_islands, const int32_t* sizes, morphology_t* row
) noexcept nogil:
    """Count the islands by size; `sizes` is by label."""
    cdef Py_ssize_t label
    row.n_pixels = light.n_pixels
    row.n_islands = n_islands
    row.n_small_islands = 0
    row.n_medium_islands = 0
    row.n_large_islands = 0
    for label in range(1, n_islands + 1):
        if sizes[label] <= SMALL:
            row.n_small_islands += 1
        elif sizes[label] <= MEDIUM:
            row.n_medium_islands += 1
        else:
            row.n_large_islands += 1


cdef inline void measure_times(
    const light_t* light, const float* peak_time, double* time, double* place, double* room,
    parameters_t* row
) noexcept nogil:
    """Times of the pixels: their distribution, and the line along the axis if there is one."""
    cdef double cos_psi, sin_psi
    cdef Py_ssize_t i
    for i in range(light.n_pixels):
        time[i] = peak_time[light.pixel[i]]
    describe_values(time, light.n_pixels, &row.peak_time)
    if row.hillas.length != 0.0:
        cos_psi = cos(row.hillas.psi)
        sin_psi = sin(row.hillas.psi)
        for i in range(light.n_pixels):
            place[i] = light.x[i] * cos_psi + light.y[i] * sin_psi
        row.timing = fit_line(place, time, light.n_pixels, room)


cdef struct camera_t:
    # The pixels of a camera: x, y, area and width one after the other, border, neighbours.
    Py_ssize_t n_pixels
    const double* pixels
    const uint8_t* border
    const int32_t* indptr
    const int32_t* indices

cdef struct room_t:
    # Where one image is worked on. `labels` are 0 before and after.
    light_t light
    double* time
    double* place
    double* fit
    int32_t* stack
    int16_t* labels


cdef inline room_t room_for(
    Py_ssize_t n_pixels, int32_t* room, double* wide_room, int16_t* labels
) noexcept nogil:
    """Share out `room` (2, n_pixels + 1), `wide_room` (WIDE_ROOM, n_pixels), `labels` (n_pixels).

    Pixels that are selected stand in the first row of `room`.
    """
    cdef room_t parts
    parts.light = light_t(
        0, room, wide_room, wide_room + n_pixels, wide_room + 2 * n_pixels
    )
    parts.time = wide_room + 3 * n_pixels
    parts.place = wide_room + 4 * n_pixels
    parts.fit = wide_room + 5 * n_pixels
    parts.stack = room + n_pixels + 1
    parts.labels = labels
    return parts


cdef inline void describe_one(
    const camera_t* camera, const float* image, const uint8_t* mask, const float* peak_time,
    room_t* room, parameters_t* row
) noexcept nogil:
    """Fill a row that begins as that of an image without light; NULL for no times."""
    cdef Py_ssize_t n_pixels = camera.n_pixels
    cdef const double* pixels = camera.pixels
    cdef light_t* light = &room.light
    cdef double intensity = gather(image, mask, pixels, pixels + n_pixels, n_pixels, light)
    cdef int16_t n_islands
    if not has_shape(intensity, light):
        return
    parametrise(intensity, light, pixels + 2 * n_pixels, &row.hillas)
    measure_leakage(light, camera.border, intensity, &row.leakage)
    measure_concentration(light, pixels + 3 * n_pixels, &row.hillas, &row.concentration)
    n_islands = label_islands(
        mask, light.pixel, light.n_pixels, camera.indptr, camera.indices, room.stack, room.labels
    )
    take_sizes(light, n_islands, room.labels, room.stack)
    count_islands(light, n_islands, room.stack, &row.morphology)
    describe_values(light.charge, light.n_pixels, &row.intensity)
    if peak_time is not NULL:
        measure_times(light, peak_time, room.time, room.place, room.fit, row)
