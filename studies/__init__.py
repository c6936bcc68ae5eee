"""Studies: long measurements that use spikeloom as anyone would, and write what came out into docs/."""
