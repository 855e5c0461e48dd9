"""Media that clients send, and the films that tasks give: probed, stored and rendered."""
