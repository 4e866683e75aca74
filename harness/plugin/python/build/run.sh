#!/bin/sh
# run.sh ARGUMENTS: runs the tool in this folder with the first Python that can run it, which
# need not be the one that serves the backend. `python3 . --help` lists the arguments.
set -eu
unset CDPATH
here=$(dirname "$0")

old=
for python in "${TRAINMARK_PYTHON:-}" "${TRAINMARK_PYTHON:+$TRAINMARK_PYTHON/bin/python}" python3 python3.14 python3.13 \
    python3.12 python3.11 python3.10 python3.9 python; do
    command -v "$python" >/dev/null || continue
    # A version manager's stand-in is there, but fails.
    if "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
        # Byte code would be an input of the backend's that changes.
        exec "$python" -I -B "$here" "$@"
    fi
    version=$("$python" --version 2>/dev/null) || continue
    old=${old:-$version}
done

# The harness puts its own words before what a probe says.
case " $* " in *' --probe '*) start= ;; *) start='error: ' ;; esac
printf '%sno Python 3.9 or later is on the PATH%s; install one with its library, such as Debian'\''s python3, %s\n' \
    "$start" "${old:+, but $old}" "python3-venv and libpython3-dev, or set TRAINMARK_PYTHON to one"
exit 1
