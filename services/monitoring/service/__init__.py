"""Use cases of monitoring: correlate a batch, announce what changed, keep the state."""
