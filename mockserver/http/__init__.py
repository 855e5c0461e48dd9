"""What stands around every request: the edge, other sites, the index of what can be asked, https."""
