"""Where media of strangers are opened: by what they are said to be and nothing else, in a process
of its own.

`keeper` is this process's side, and tells facts or raises Unreadable. `worker` is the other
process: it has one file, no network, a limit of time and of memory, and opens the file with
`clips` or `pictures`. `forms` and `boxes` read the first bytes and the boxes of a file, in words of
Python.
"""
