# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What bad pixels would have seen, from their neighbours.

Method: `_interpolate.pxd`. Called by `interpolation.py`, which checks.
"""

from libc.stdint cimport int32_t, uint8_t

from awlta.kernels.images._interpolate cimport interpolate_one


def interpolate(
    const uint8_t[:, :] is_bad, const int32_t[::1] indptr, const int32_t[::1] indices,
    int32_t[::1] bad, float[:, ::1] charge, float[:, ::1] peak_time
):
    """Overwrite the bad pixels of every image; those of an event lie side by side in `is_bad`.

    `bad` (n_pixels) is room to work in.
    """
    cdef Py_ssize_t event
    # An unconnected camera has no first neighbour to take the address of.
    cdef const int32_t* neighbors = &indices[0] if indices.shape[0] else NULL
    with nogil:
        for event in range(charge.shape[0]):
            interpolate_one(
                &is_bad[event, 0], charge.shape[1], &indptr[0], neighbors, &bad[0],
                &charge[event, 0], &peak_time[event, 0]
            )
