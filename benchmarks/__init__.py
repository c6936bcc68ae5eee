"""The benchmark: spikeloom beside its peers, on the same spikes, sizes and weights. See docs/benchmarks.md."""
