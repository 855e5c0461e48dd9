"""The real service on file: requests passed on and kept, answered from the file, and compared."""
