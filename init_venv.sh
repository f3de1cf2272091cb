#!/usr/bin/env bash
# Makes the virtual environment of this toolkit, or brings one that it made up to date.
#   ./init_venv.sh [--cpu|--gpu] [DIR]     DIR: where to put it (default: venv, beside where you stand)
#   --gpu installs all of CUDA, --cpu leaves out what only a GPU opens (default: what is found)
#   PYTHON=/path/to/python ./init_venv.sh     to choose the Python (3.11 or newer) of a new environment
# Exit code 2 when the machine or the arguments stand in the way, with one line that says how to go on.
set -euo pipefail

readonly MIN_MINOR=11           # Python 3.11
readonly MAX_MINOR=14           # the newest Python that requirements-lock.txt was made for
readonly NEEDED_MB_GPU=8192     # the finished environment takes about 6.6 GB
readonly NEEDED_MB_CPU=6144     # about 4.6 GB
# Packages that torch asks for and opens with a GPU only.
readonly GPU_ONLY="triton|nvidia-cusolver|nvidia-nvtx|nvidia-cuda-cccl|cuda-bindings|cuda-pathfinder"
readonly MARKER=.made_by_init_venv
# Files of packages that torch cannot start without, which only a GPU opens. The packages are fetched again for --gpu.
readonly GPU_ONLY_FILES="cudnn/lib/libcudnn_* nvshmem/lib/libnvshmem_device* nvshmem/lib/nvshmem_* cu13/lib/libnvperf_*"
readonly CUT_PACKAGES="nvidia-cudnn-cu13 nvidia-nvshmem-cu13 nvidia-cuda-cupti"
readonly STAMP=.init_venv_stamp

say() { printf '%s\n' "init_venv: $*"; }
fail() {
    printf '%s\n' "error: $*" >&2
    exit 2
}

usage() {
    sed -n '2,6s/^# \{0,1\}//p' "$0"
}

# Says on stdout the first Python that is new enough, or $PYTHON and no other; candidates that do not start (shims) are passed over.
find_python() {
    local candidate found_old=""
    local repair="to repair: install Python 3.12 (Debian, Ubuntu: sudo apt install python3 python3-venv), or name one: PYTHON=/path/to/python3.12 $0"
    for candidate in "${PYTHON:-python3.12}" python3.11 python3.13 python3.14 python3 python; do
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

# Only what decides about the installed packages: these files, the Python, the variant, and where the clone and the environment lie.
fingerprint() {
    "$1" - "$REPOSITORY" "$VENV" "$VARIANT" <<'PYTHON_END'
import hashlib, pathlib, platform, sys
repository, venv = map(pathlib.Path, sys.argv[1:3])
digest = hashlib.sha256(f"{repository}\0{venv}\0{platform.python_version()}\0{sys.argv[3]}".encode())
for name in ("setup.py", "pyproject.toml", "requirements-lock.txt", "init_venv.sh"):
    digest.update((repository / name).read_bytes())
print(digest.hexdigest())
PYTHON_END
}

# An environment has the Python that made it, whatever PYTHON says now.
keeps_its_python() {
    local own wanted version='import platform; print(platform.python_version())'
    [ -n "${PYTHON:-}" ] || return 0
    own=$("$VENV/bin/python" -c "$version")
    wanted=$("$PYTHON" -c "$version" 2>/dev/null) || wanted=""
    [ "$own" = "$wanted" ] ||
        say "PYTHON=$PYTHON is not used: $VENV keeps its Python $own; for another one remove $VENV, or name a new folder"
}

check_free_space() {
    local folder=$1 free_mb needed_mb=$NEEDED_MB_GPU
    [ "$VARIANT" = gpu ] || needed_mb=$NEEDED_MB_CPU
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    free_mb=$(df -Pk "$folder" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }') || return 0
    [ -n "$free_mb" ] || return 0
    if [ "$free_mb" -lt "$needed_mb" ]; then
        fail "$folder has $free_mb MB free, about $needed_mb MB are needed; to repair: free space, or name a folder on another disk: $0 DIR"
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
    # Said first, so that a run after an interruption goes on in the same way.
    echo "$VARIANT" 2>/dev/null >"$VENV/$MARKER" || fail "$VENV cannot be written to; to repair: name a folder that is yours: $0 DIR"
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

# Without a GPU, pip misses the packages that were left out. Everything else has to fit.
packages_fit() {
    local complaints
    complaints=$("$VENV/bin/python" -m pip --disable-pip-version-check check 2>&1) && return 0
    [ "$VARIANT" = cpu ] && ! grep -q -v -E "requires ($GPU_ONLY)[, ]" <<<"$complaints"
}

verify() {
    say "checking that what was installed starts"
    packages_fit || fail "the installed versions do not fit each other, see: $VENV/bin/python -m pip check; to repair: remove $VENV and run $0 again"
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

has_gpu() {
    [ -e /dev/nvidia0 ] || [ -e /dev/dxg ] || nvidia-smi -L >/dev/null 2>&1
}

# The flag decides, then what an earlier run installed for a GPU, then the machine.
choose_variant() {
    VARIANT=$1
    [ -n "$VARIANT" ] && return 0
    if [ "$(uname -s)" != Linux ] || [ "$(uname -m)" != x86_64 ]; then
        VARIANT=gpu # torch comes without CUDA there, or with it in one piece: nothing to leave out
    elif { [ -e "$VENV/$MARKER" ] && [ "$(cat "$VENV/$MARKER")" != cpu ]; } || has_gpu; then
        # An empty marker is of a script before this choice, which installed all.
        VARIANT=gpu
    else
        VARIANT=cpu
    fi
}

lock_fits() {
    [ "$(uname -s)" = Linux ] && [ "$(uname -m)" = x86_64 ] &&
        "$VENV/bin/python" -c "import sys; sys.exit(sys.version_info >= (3, $MAX_MINOR + 1))"
}

# The versions that were tested, each with the hash of its file. They are complete, so pip need not look for more.
install_locked() {
    local wanted=$REPOSITORY/requirements-lock.txt
    if [ "$VARIANT" = cpu ]; then
        say "no NVIDIA GPU is used: what only a GPU opens is left out (for a GPU: $0 --gpu $(printf %q "$VENV"))"
        wanted=$PIP_LOG.wanted
        awk -v left="^($GPU_ONLY)==" '/^[^ #]/ { out = $0 ~ left } !out' "$REPOSITORY/requirements-lock.txt" >"$wanted"
    elif [ "$(cat "$VENV/$MARKER" 2>/dev/null)" = cpu ]; then
        # Parts of these are missing, which pip does not see.
        # shellcheck disable=SC2086
        run_pip uninstall --quiet --yes $CUT_PACKAGES
    fi
    if [ "$VARIANT" = cpu ] && [ "$(cat "$VENV/$MARKER" 2>/dev/null)" != cpu ]; then
        # Of an environment that was made for a GPU. pip leaves alone what is not there.
        # shellcheck disable=SC2086
        run_pip uninstall --quiet --yes ${GPU_ONLY//|/ }
    fi
    say "installing the versions of requirements-lock.txt (about 3 GB to fetch the first time; minutes)"
    run_pip install --retries 2 --no-deps --require-hashes -r "$wanted"
    run_pip install --no-deps --no-build-isolation -e "$REPOSITORY"
    [ "$VARIANT" = gpu ] || cut_gpu_files
}

# Said first: whatever is missing from now on, --gpu fetches again.
cut_gpu_files() {
    local pattern
    echo cpu >"$VENV/$MARKER"
    for pattern in $GPU_ONLY_FILES; do
        # shellcheck disable=SC2086
        rm -rf "$VENV"/lib/python3.*/site-packages/nvidia/$pattern
    done
}

install_by_ranges() {
    [ "$VARIANT" = gpu ] || say "--cpu changes nothing here: it leaves out what PyTorch has on Linux and x86-64"
    say "requirements-lock.txt is for Linux on x86-64 and Python 3.$MIN_MINOR to 3.$MAX_MINOR; here pip takes what setup.py allows"
    run_pip install --retries 2 -e "$REPOSITORY[train,live,dev]"
}

main() {
    local variant=""
    while [ "$#" -gt 0 ]; do
        case "$1" in
            -h | --help) usage; exit 0 ;;
            --cpu | --gpu) variant=${1#--}; shift ;;
            -*) fail "$1: unknown option; allowed: $0 [--cpu|--gpu] [DIR]" ;;
            *) break ;;
        esac
    done
    [ "$#" -le 1 ] || fail "$# arguments; allowed: $0 [--cpu|--gpu] [DIR]; to repair: put quotes around a path with spaces"
    REPOSITORY=$(cd "$(dirname "$0")" && pwd -P)
    VENV=${1:-venv}
    case "$VENV" in /*) ;; *) VENV=$PWD/$VENV ;; esac
    VENV=${VENV%/}
    choose_variant "$variant"

    if [ -e "$VENV" ] && [ ! -d "$VENV" ]; then
        fail "$VENV is a file; to repair: name a new folder: $0 DIR"
    fi
    if [ -d "$VENV" ] && [ ! -e "$VENV/$MARKER" ] && [ -n "$(ls -A "$VENV")" ]; then
        fail "$VENV exists and this script did not make it; to repair: name a new folder: $0 DIR, or remove that one"
    fi
    if [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
        keeps_its_python
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
    trap 'rm -f "$PIP_LOG" "$PIP_LOG.wanted"' EXIT
    if lock_fits; then install_locked; else install_by_ranges; fi
    echo "$VARIANT" >"$VENV/$MARKER"
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
