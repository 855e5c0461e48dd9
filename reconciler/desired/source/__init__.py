"""Where manifests come from: the folders that the project file names, in the work tree or a commit."""
