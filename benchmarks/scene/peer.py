"""What reading and checking manifests costs without us: libyaml and jsonschema, one process.

`python benchmarks/scene/peer.py FOLDER SCHEMA` reads every file of FOLDER and checks it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator


def main() -> None:
    folder, schema = map(Path, sys.argv[1:])
    validator = Draft202012Validator(json.loads(schema.read_bytes()))
    for path in sorted(folder.iterdir()):
        for document in yaml.load_all(path.read_bytes(), Loader=yaml.CSafeLoader):
            if not validator.is_valid(document):
                raise SystemExit(f"{path.name} breaks the schema")


if __name__ == "__main__":
    main()
