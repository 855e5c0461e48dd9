"""The controller: documents, status, and what keeps repositories and videos in step."""
