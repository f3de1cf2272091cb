#!/usr/bin/env bash
# Makes the virtual environment of this toolkit, or brings one that it made up to date.
#   ./init_venv.sh [DIR]     DIR: where to put it (default: venv, beside where you stand)
#   PYTHON=/path/to/python ./init_venv.sh     to choose the Python (3.11 or newer)
# Exit code 2 when the machine or the arguments stand in the way, with one line that says how to go on.
set -euo pipefail

readonly MIN_MINOR=11           # Python 3.11
readonly NEEDED_MB=8192         # the finished environment takes about 6.6 GB
readonly MARKER=.made_by_init_venv
readonly STAMP=.init_venv_stamp

say() { printf '%s\n' "init_venv: $*"; }
fail() {
    printf '%s\n' "error: $*" >&2
    exit 2
}

usage() {
    sed -n '2,5s/^# \{0,1\}//p' "$0"
}

# Says on stdout the first Python that is new enough, or $PYTHON and no other; candidates that do not start (shims) are passed over.
find_python() {
    local candidate found_old=""
    local repair="to repair: install Python 3.12 (Debian, Ubuntu: sudo apt install python3 python3-venv), or name one: PYTHON=/path/to/python3.12 $0"
    for candidate in "${PYTHON:-python3.12}" python3.11 python3.13 python3 python; do
        [ -z "${PYTHON:-}" ] || [ "$candidate" = "$PYTHON" ] || continue
        "$candidate" -c 'pass' >/dev/null 2>&1 || continue
        if "$candidate" -c "import sys; sys.exit(sys.version_info < (3, $MIN_MINOR))" >/dev/null 2>&1; then
            command -v "$candidate"
            return 0
        fi
        found_old="$found_old $candidate is $("$candidate" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null || echo older),"
    done
    [ -z "$found_old" ] || fail "Python 3.$MIN_MINOR or newer is needed:${found_old%,}; $repair"
    [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON does not start; $repair"
    fail "no Python found; $repair"
}

# Only what decides about the installed packages: these two files, the Python, and where the clone and the environment lie.
fingerprint() {
    "$1" - "$REPOSITORY" "$VENV" <<'PYTHON_END'
import hashlib, pathlib, platform, sys
repository, venv = map(pathlib.Path, sys.argv[1:])
digest = hashlib.sha256(f"{repository}\0{venv}\0{platform.python_version()}\0".encode())
for name in ("setup.py", "pyproject.toml"):
    digest.update((repository / name).read_bytes())
print(digest.hexdigest())
PYTHON_END
}

check_free_space() {
    local folder=$1 free_mb
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    free_mb=$(df -Pk "$folder" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }') || return 0
    [ -n "$free_mb" ] || return 0
    if [ "$free_mb" -lt "$NEEDED_MB" ]; then
        fail "$folder has $free_mb MB free, about $NEEDED_MB MB are needed; to repair: free space, or name a folder on another disk: $0 DIR"
    fi
}

# pip's progress goes to the screen; its complaints go there too, and into $PIP_LOG so that the cause can be told in one line.
run_pip() {
    local code=0
    { "$VENV/bin/python" -m pip --disable-pip-version-check "$@" 2>&1 1>&3 | tee "$PIP_LOG" >&2; } 3>&1 || code=$?
    [ "$code" -eq 0 ] && return 0
    if grep -q -i -E 'no space left|disk quota exceeded|errno 28|errno 122' "$PIP_LOG"; then
        fail "the disk is full (the environment, ${TMPDIR:-/tmp} and pip's cache need room); to repair: free space and run $0 again, it goes on where it stopped"
    fi
    if grep -q -i -E 'NewConnectionError|NameResolution|name resolution|Name or service|connection broken|ConnectTimeout|ReadTimeout|timed out|ProxyError|Network is unreachable|ConnectionError' "$PIP_LOG"; then
        fail "the package index cannot be reached; to repair: connect to the network (or set up pip's index or proxy) and run $0 again, it goes on where it stopped"
    fi
    if grep -q -i 'permission denied' "$PIP_LOG"; then
        fail "no permission to write; to repair: name a folder that is yours: $0 DIR"
    fi
    fail "pip $1 failed, its lines above say why; run $0 again when that is repaired"
}

make_venv() {
    local python=$1 version
    version=$("$python" -c 'import platform; print(platform.python_version())')
    if ! "$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then
        fail "$python (Python $version) cannot make virtual environments; to repair: sudo apt install python${version%.*}-venv (Debian, Ubuntu), or install a complete Python"
    fi
    check_free_space "$(dirname "$VENV")"
    say "making $VENV with $python (Python $version)"
    mkdir -p "$VENV" 2>/dev/null || fail "$VENV cannot be made; to repair: name a folder that is yours: $0 DIR"
    : 2>/dev/null >"$VENV/$MARKER" || fail "$VENV cannot be written to; to repair: name a folder that is yours: $0 DIR"
    "$python" -m venv "$VENV" || fail "$python -m venv failed, its lines above say why (Debian, Ubuntu: sudo apt install python${version%.*}-venv)"
}

# opencv-python's window code needs libraries that servers and containers often lack; the headless build of the same version does not.
ensure_opencv() {
    "$VENV/bin/python" -c 'import cv2' >/dev/null 2>&1 && return 0
    say "OpenCV does not start: $("$VENV/bin/python" -c 'import cv2' 2>&1 | tail -n 1)"
    say "taking OpenCV without windows instead (demo.py --no-show works); for windows: sudo apt install libgl1 libglib2.0-0, remove $VENV, run this again"
    run_pip install --force-reinstall --no-deps \
        "opencv-python-headless==$("$VENV/bin/python" -c 'from importlib.metadata import version; print(version("opencv-python"))')"
}

verify() {
    say "checking that what was installed starts"
    "$VENV/bin/python" -m pip --disable-pip-version-check check >/dev/null || fail "the installed versions do not fit each other, see: $VENV/bin/python -m pip check"
    "$VENV/bin/python" - <<'PYTHON_END' || fail "an installed package does not start, the lines above say which; to repair: remove $VENV and run $0 again"
import action_recognition, cv2, lightning, mmcv, onnxruntime, openvino, torch, torchvision
print(f"init_venv: torch {torch.__version__}, torchvision {torchvision.__version__}, OpenCV {cv2.__version__}, OpenVINO {openvino.__version__.split('-')[0]},",
      f"GPU {torch.cuda.get_device_name(0)}" if torch.cuda.is_available() else "no GPU: everything runs on the CPU")
PYTHON_END
}

# Templates over hand landmarks need two networks, 8 MB out of a wheel of 36 MB. Everything else works without them.
fetch_hands() {
    "$VENV/bin/python" "$REPOSITORY/tools/fetch_hands.py" && return 0
    say "the networks of hands are not there; for templates over hand landmarks type: $VENV/bin/python $REPOSITORY/tools/fetch_hands.py"
}

main() {
    case "${1:-}" in
        -h | --help) usage; exit 0 ;;
        -*) fail "$1: unknown option; allowed: $0 [DIR]" ;;
    esac
    [ "$#" -le 1 ] || fail "$# arguments; allowed: $0 [DIR]; to repair: put quotes around a path with spaces"
    REPOSITORY=$(cd "$(dirname "$0")" && pwd -P)
    VENV=${1:-venv}
    case "$VENV" in /*) ;; *) VENV=$PWD/$VENV ;; esac
    VENV=${VENV%/}

    if [ -e "$VENV" ] && [ ! -d "$VENV" ]; then
        fail "$VENV is a file; to repair: name a new folder: $0 DIR"
    fi
    if [ -d "$VENV" ] && [ ! -e "$VENV/$MARKER" ] && [ -n "$(ls -A "$VENV")" ]; then
        fail "$VENV exists and this script did not make it; to repair: name a new folder: $0 DIR, or remove that one"
    fi
    if [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
        if [ "$(cat "$VENV/$STAMP" 2>/dev/null)" = "$(fingerprint "$VENV/bin/python")" ]; then
            say "$VENV is up to date"
            show_activation
            return 0
        fi
        say "bringing $VENV up to date"
    else
        local python
        python=$(find_python)
        make_venv "$python"
    fi
    rm -f "$VENV/$STAMP"
    PIP_LOG=$(mktemp "${TMPDIR:-/tmp}/init_venv.XXXXXX")
    trap 'rm -f "$PIP_LOG"' EXIT
    say "installing the packages that setup.py names (about 3 GB to fetch the first time; minutes)"
    run_pip install --retries 2 -e "$REPOSITORY[train,live,dev]"
    ensure_opencv
    verify
    fetch_hands
    fingerprint "$VENV/bin/python" >"$VENV/$STAMP"
    say "done: $VENV"
    show_activation
}

show_activation() {
    printf 'To use it, type:\n    . %q/bin/activate\n' "$VENV"
}

main "$@"
