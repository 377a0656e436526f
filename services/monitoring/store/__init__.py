"""SQL of monitoring: alerts of a tenant, checkpoints of a partition."""
