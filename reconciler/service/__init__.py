"""The vendor's service: its API, models, codes, endpoints, and how its answers are read."""
