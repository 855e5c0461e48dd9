"""Making it so: the life of attempts, and putting results where the manifests say."""
