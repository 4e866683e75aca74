#!/usr/bin/env bash
# Makes a book of README, docs/ and the backends' pages, as docs/SUMMARY.md has them, in
# target/book/html, and prints its first page's path. With --check a link that leads nowhere is an
# error; that needs python3 with pip. The first time mdBook is compiled.
# Usage: scripts/book.sh [--check]
set -euo pipefail
unset CDPATH
# shellcheck source=scripts/help.sh
. "$(dirname "$0")/help.sh"
help_or_refuse --check "$@"
cd "$(dirname "$0")/.."

mdbook=0.5.4
linkchecker=10.6.0
# Beside what else is fetched once for all clones.
tools=${XDG_CACHE_HOME:-$HOME/.cache}/trainmark/mdbook-$mdbook
links=$PWD/target/tools/links
source=target/book/source
pages=target/book/html

if [ ! -x "$tools/bin/mdbook" ]; then
    # Nothing of it is slow enough to be worth optimising it.
    cargo install --quiet --locked --debug --no-default-features --features search --root "$tools" \
        --version "$mdbook" mdbook >&2
fi

# The pages and the files that they lead to, at their places in the repository: so links hold as they
# hold there.
rm -rf "$source" "$pages"
mkdir -p "$source"
git ls-files '*.md' docs ci harness/plugin harness/workloads 'backends/*.py' ':(glob)backends/*/examples/**' LICENSE\* CITATION.cff |
    grep -v '^tests/' | tar -c --files-from - | tar -x -C "$source"
mv "$source/docs/book.toml" "$source/book.toml"
sed -E 's#\]\(#&docs/#; s#\]\(docs/\.\./#](#' docs/SUMMARY.md >"$source/SUMMARY.md"
rm "$source/docs/SUMMARY.md"
for page in docs/*.md; do
    [ "$page" = docs/SUMMARY.md ] || grep -qF "]($page)" "$source/SUMMARY.md" ||
        { echo "error: $page is not in docs/SUMMARY.md" >&2; exit 1; }
done
MDBOOK_LOG=warn "$tools/bin/mdbook" build --dest-dir "$PWD/$pages" "$source" >&2

if [ "${1:-}" = --check ]; then
    [ -x "$links/bin/linkchecker" ] || {
        python3 -m venv "$links" >&2
        "$links/bin/pip" install --quiet --disable-pip-version-check "linkchecker==$linkchecker" >&2
    }
    # It reads as nobody where it is run by root, who may be the only one to enter the repository.
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    cp -R "$pages" "$copy/html"
    printf '[AnchorCheck]\n' >"$copy/linkcheckerrc"
    chmod -R a+rX "$copy"
    "$links/bin/linkchecker" --config "$copy/linkcheckerrc" --no-status --output text \
        "$copy/html/index.html" >"$copy/found" 2>"$copy/log" || {
        cat "$copy/found" "$copy/log" >&2
        echo "error: links lead nowhere" >&2
        exit 1
    }
    tail -n 3 "$copy/found" | sed -n 1p >&2
fi
echo "$PWD/$pages/index.html"
