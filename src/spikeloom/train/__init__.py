"""Training: settings, recipes, the loop, and the run folder it leaves behind."""
