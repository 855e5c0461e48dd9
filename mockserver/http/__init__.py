"""What stands around every request: the edge, answers, other sites, the index, and https."""
