"""Which events have company: the background-activity filter of event cameras.

Delbruck, "Frame-free dynamic digital vision", Proceedings of Secure-Life Electronics, 2008.
"""

import numpy as np

from spikeloom.kernels.cpu.compile import kernel


@kernel
def keep(t_us, x, y, window_us, last_us, kept):
    """Mark the events for which the pixel itself or one of its 8 neighbours had an event shortly before.

    Args:
        t_us: [K] int64, ascending.
        x: [K] int64.
        y: [K] int64.
        window_us: float64, how long ago the other event may be.
        last_us: [height + 2, width + 2] int64, changed: the last event of each pixel, -1 before its first and in the
            border.
        kept: [K] bool, written.
    """
    for i in range(len(t_us)):
        found = False
        for row in range(y[i], y[i] + 3):
            for column in range(x[i], x[i] + 3):
                last = last_us[row, column]
                found |= last >= 0 and np.float64(t_us[i] - last) <= window_us
        kept[i] = found
        last_us[y[i] + 1, x[i] + 1] = t_us[i]
