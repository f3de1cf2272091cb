#!/usr/bin/env bash
# PyAV 18.1.0 and opencv-python 5.0.0.93: whichever is imported first serves both with libxcb.
#
# One would guess that each wheel uses the libraries it ships, since auditwheel puts a hash into
# their names. Both wheels were built on the same image, so three names are equal, hash included:
# libxcb-shape, libxcb-shm and libxcb-xfixes. The loader knows a library by that name alone, and
# maps the file of the package that came first. These three belong to the libxcb beside them. PyAV
# ships a libxcb of its own, while OpenCV's Qt takes the system's. After `import av, cv2` a window
# of OpenCV therefore talks to the display through two libxcb.
#
# Seen on Linux x86-64, Python 3.11 (import order: owners of the three files that are mapped):
#   cv2, av: opencv_python.libs x 3
#   av, cv2: av.libs x 3
#
# What to do: import cv2 before av wherever a window may be opened.
# Related: https://github.com/PyAV-Org/PyAV/issues/978
#
# Exit code 0: as described. 1: the behaviour has changed. Needs Linux x86-64, Python 3.10 to 3.13.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install \
  av==18.1.0 opencv-python==5.0.0.93

cat > "$folder/owners.py" <<'PYTHON'
"""Print the packages whose copies of three libraries of libxcb are mapped."""

import importlib
import sys
from pathlib import Path

names = ("libxcb-shape-", "libxcb-shm-", "libxcb-xfixes-")
for module in sys.argv[1:]:
    importlib.import_module(module)

mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
files = [Path(path) for path in mapped if Path(path).name.startswith(names)]
owners = {path.parent.name for path in files}
print(f"{', '.join(sys.argv[1:])}: {' '.join(sorted(owners))} x {len(files)}")
PYTHON

expected="cv2, av: opencv_python.libs x 3
av, cv2: av.libs x 3"
seen=$("$folder/venv/bin/python" "$folder/owners.py" cv2 av
       "$folder/venv/bin/python" "$folder/owners.py" av cv2)

echo "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'changed; expected:\n%s\n' "$expected" >&2
  exit 1
fi
