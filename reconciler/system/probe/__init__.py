"""Opens media of strangers in a process of its own and tells what they are.

`client` is the side of this process: it tells facts or raises Unreadable. `worker` is the other
process: it has one file, no network, and a limit of time and of memory, and opens the file with
`video` or `image`. `file_types` and `mp4_boxes` read the first bytes and the boxes of a file.
"""
