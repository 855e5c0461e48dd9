"""The least that any plan with nothing to do must do: read and hash every manifest, look at every
output. `python benchmarks/scene/floor.py FOLDER`.
"""

# ruff: noqa: PTH116, PTH123, PTH208 (the fastest way that Python has)
import hashlib
import os
import sys

root = sys.argv[1]
for name in sorted(os.listdir(f"{root}/specs")):
    with open(f"{root}/specs/{name}", "rb") as file:
        hashlib.sha256(file.read()).hexdigest()
for name in sorted(os.listdir(f"{root}/renders")):
    os.stat(f"{root}/renders/{name}")
