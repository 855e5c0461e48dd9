"""Text formats: strict YAML, faults in words, canonical JSON, names and URLs. Pure."""
