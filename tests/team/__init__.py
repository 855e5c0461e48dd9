"""What a team shares, on servers as they are in use: `make test-team`."""
