"""The selection of spikes with two thresholds: see `ops.select`."""

from spikeloom import surrogates
from spikeloom.ops.cuda.leave import listed_rows
from spikeloom.ops.cuda.rows import row_of_entries
from spikeloom.ops.select import select


@select.on("cuda")
def _select(margin, depth, surrogate):
    near = margin >= depth
    active, ids, row_start, spike_count = listed_rows((margin >= 0) & near, near)
    slope = surrogates.from_spec(surrogate).derivative(margin[row_of_entries(row_start, len(ids)), ids])
    return active, ids, row_start, spike_count, slope
