# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""All parameters of cleaned images in one look: Hillas, leakage, concentration, islands.

Method: `_moments.pxd` for the moments; leakage is the part of the image in the outermost one and
two rows of pixels, concentration the part close to its centre. Twin: `reference.describe`.
Called by `images.py`, which checks and hands in rows of an image without light.
"""

from libc.math cimport cos, sin
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t

from awlta.kernels._islands cimport label_islands
from awlta.kernels._moments cimport gather, has_shape, hillas_t, light_t, parametrise

# Largest small and largest medium island, pixels.
cdef enum:
    SMALL = 2
    MEDIUM = 50

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
    leakage_t leakage
    concentration_t concentration
    morphology_t morphology


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


def describe(
    const float[:, ::1] images, const uint8_t[:, ::1] masks, const double[:, ::1] pixels,
    const uint8_t[::1] border, const int32_t[::1] indptr, const int32_t[::1] indices,
    int32_t[:, ::1] room, double[:, ::1] wide_room, int16_t[::1] labels, parameters_t[::1] rows
):
    """Describe every image.

    `pixels` are x, y, area and width; `room` (2, n_pixels + 1), `wide_room` (3, n_pixels) and
    `labels` (n_pixels), which begins and ends as 0, are room to work in.
    """
    cdef Py_ssize_t n_pixels = images.shape[1]
    cdef light_t light = light_t(
        0, &room[0, 0], &wide_room[0, 0], &wide_room[1, 0], &wide_room[2, 0]
    )
    cdef const int32_t* neighbors = &indices[0] if indices.shape[0] else NULL
    cdef Py_ssize_t event
    cdef double intensity
    cdef int16_t n_islands
    cdef parameters_t* row
    with nogil:
        for event in range(images.shape[0]):
            row = &rows[event]
            intensity = gather(
                &images[event, 0], &masks[event, 0], &pixels[0, 0], &pixels[1, 0], n_pixels,
                &light
            )
            if not has_shape(intensity, &light):
                continue
            parametrise(intensity, &light, &pixels[2, 0], &row.hillas)
            measure_leakage(&light, &border[0], intensity, &row.leakage)
            measure_concentration(&light, &pixels[3, 0], &row.hillas, &row.concentration)
            # The list of pixels is still needed, so that islands take the other row of room.
            n_islands = label_islands(
                &masks[event, 0], light.pixel, light.n_pixels, &indptr[0], neighbors, &room[1, 0],
                &labels[0]
            )
            take_sizes(&light, n_islands, &labels[0], &room[1, 0])
            count_islands(&light, n_islands, &room[1, 0], &row.morphology)
