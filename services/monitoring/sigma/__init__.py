"""Sigma files in: after this, YAML, pysigma and its types are nobody else's business."""
