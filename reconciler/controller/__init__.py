"""Commit and it renders: what keeps repositories and their videos in step, without a person."""
