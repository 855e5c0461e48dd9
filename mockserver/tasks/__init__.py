"""What becomes of a request: checked fields, its outcome, the life of its task, who is told."""
