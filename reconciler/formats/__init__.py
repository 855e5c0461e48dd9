"""Text formats: strict YAML, JSON Schema faults in words, canonical JSON, names and URLs. Pure."""
