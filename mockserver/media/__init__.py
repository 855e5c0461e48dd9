"""Media that clients send and films that tasks give: read, probed, stored, rendered."""
