#!/usr/bin/env bash
# Prints the path of axe.min.js, which checks a page for accessibility, and
# fetches it first where it is not there yet. Needs python3 with pip.
# Usage: scripts/axe.sh
set -euo pipefail
unset CDPATH
# shellcheck source=scripts/help.sh
. "$(dirname "$0")/help.sh"
help_or_refuse '' "$@"
cd "$(dirname "$0")/.."

# The package that holds axe 4.12.1; nothing of it but that file is used.
package=axe-playwright-python
version=0.1.8
sha256=fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8
folder=target/tools/axe
file=$folder/axe.min.js

if [ ! -s "$file" ]; then
    mkdir -p "$folder"
    # Unpacked elsewhere and renamed: a test may be looking for the file.
    fresh=$(mktemp -d "$folder/fresh.XXXXXX")
    trap 'rm -rf "$fresh"' EXIT
    python3 -m venv "$fresh/venv" >&2
    echo "$package==$version --hash=sha256:$sha256" >"$fresh/requirements.txt"
    "$fresh/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --require-hashes --requirement "$fresh/requirements.txt" --dest "$fresh" >&2
    python3 -m zipfile -e "$fresh"/*.whl "$fresh/unpacked"
    mv "$fresh/unpacked/axe_playwright_python/axe.min.js" "$file"
fi
echo "$PWD/$file"
