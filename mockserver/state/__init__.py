"""What the server remembers, in SQLite, and the whole of a server in one file."""
