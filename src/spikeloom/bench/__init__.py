"""`spikeloom bench step`: one training step, measured beside plain torch and beside what the host can do."""
