"""What becomes of a request: its checks, its outcome, the life of its task, and who is told."""
