"""What the repository asks for: manifests → edits → jobs."""
