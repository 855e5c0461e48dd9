"""Git, which is asked and never told: no repository, index or work tree is changed by it."""
