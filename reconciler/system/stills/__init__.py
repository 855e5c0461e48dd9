"""Small pictures and films of media, made in a process apart and kept by digest."""
