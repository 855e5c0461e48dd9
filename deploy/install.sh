#!/bin/sh
# Installs cutlist with the exact versions of deploy/requirements.lock into a folder of its own:
#
#     sh deploy/install.sh /opt/cutlist
#
# PYTHON says which Python it is installed for, 3.11 to 3.13; by default it is python3. A folder
# that has been installed before is made anew. Nothing that only the building needs stays behind.
set -eu

target=${1:?"Say where to: sh deploy/install.sh /opt/cutlist"}
source=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}

workshop=$(mktemp -d)
trap 'rm -rf "$workshop"' EXIT
"$python" -m venv "$workshop/venv"
builder=$workshop/venv/bin/python
"$builder" -m pip --disable-pip-version-check install --quiet --no-cache-dir --require-hashes \
    --requirement "$source/deploy/build.lock"
(cd "$source" && "$builder" -m hatchling build --target wheel --directory "$workshop/wheel")

# What was just built is named by its digest, as everything else is.
digest='import hashlib, pathlib, sys; print(hashlib.sha256(pathlib.Path(sys.argv[1]).read_bytes()).hexdigest())'
cat "$source/deploy/requirements.lock" > "$workshop/all.lock"
for wheel in "$workshop"/wheel/*.whl; do
    echo "cutlist @ file://$wheel --hash=sha256:$("$python" -c "$digest" "$wheel")" >> "$workshop/all.lock"
done

"$python" -m venv --clear --without-pip "$target"
"$builder" -m pip --python "$target/bin/python" --disable-pip-version-check install --quiet \
    --no-cache-dir --no-deps --only-binary :all: --require-hashes --requirement "$workshop/all.lock"
"$target/bin/cutlist" --version
