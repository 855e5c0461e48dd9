"""What the server remembers: the database, and the whole of a server in one file."""
