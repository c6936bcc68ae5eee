"""Taking out of recordings what a sensor's noise put in."""

import numpy as np

from spikeloom.data.events import Events, Sensor


def denoise(events: Events, sensor: Sensor, window_ms: float) -> Events:
    """Leave out events without company: those whose pixel and its 8 neighbours had none within the time before.

    Polarities do not matter. On a sensor of one row, as of sound, the neighbours are the two channels beside. The
    background-activity filter of Delbruck, "Frame-free dynamic digital vision", 2008.

    Args:
        events: a recording that `Events.check` has passed.
        sensor: what it was recorded with.
        window_ms: how long before the event the other may be, in milliseconds, above 0.

    Returns:
        The events that stay, possibly none.
    """
    from spikeloom.kernels.cpu import denoise as kernel  # numba takes a while to import

    last_us = np.full((sensor.height + 2, sensor.width + 2), -1, np.int64)
    kept = np.empty(len(events), np.bool_)
    t_us, x, y = (np.ascontiguousarray(column, np.int64) for column in (events.t_us, events.x, events.y))
    kernel.keep(t_us, x, y, 1000.0 * window_ms, last_us, kept)
    return Events(events.t_us[kept], events.x[kept], events.y[kept], events.p[kept])
