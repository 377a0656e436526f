"""Monitoring: correlates access anomalies across all streams and announces alerts that explain themselves."""
