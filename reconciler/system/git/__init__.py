"""Git: a work tree is asked and never told; only a mirror of our own is written and fetched."""
