# Sourced by the scripts beside it: they run from the root of the tree, and say how long each part takes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=.local/venv/bin/python

# step TITLE COMMAND...: runs the command under a title
step() {
    local title=$1 began=$SECONDS status=0
    shift
    echo "== $title"
    "$@" || status=$?
    echo "== $title: $((SECONDS - began)) s$([ $status = 0 ] || echo ", FAILED")"
    return $status
}
