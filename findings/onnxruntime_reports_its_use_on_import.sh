#!/usr/bin/env bash
# ONNX Runtime 1.31.1 for Linux: `import onnxruntime` writes an identifier and reports its use.
#
# One would guess that the wheels for Linux report nothing: for years only those for Windows did.
# This one opens a database in ~/.cache/Microsoft/DeveloperTools/.onnxruntime while it is imported,
# and writes an identifier of the device beside it. Half a minute later a thread in native code
# looks up mobile.events.data.microsoft.com. `onnxruntime.disable_telemetry_events()` comes too late
# for both files. The variable ORT_DISABLE_TELEMETRY prevents them, if it is set before the import.
#
# Seen with Python 3.11 on x86-64. Printed are the files that an import leaves in an empty home:
#   by itself: deviceid onnxruntime.db
#   with disable_telemetry_events() after the import: deviceid onnxruntime.db
#   with ORT_DISABLE_TELEMETRY=1: none
#
# What to do: set the variable before the import, as action_recognition/usage_reports.py does.
#
# Exit code 0: as described. 1: the behaviour has changed. Needs Linux x86-64, Python 3.11 to 3.13.
# The imports end before anything is sent.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install onnxruntime==1.31.1 numpy==2.4.6

# Print the files that a statement leaves in an empty home.
left_by() {
  rm -rf "$folder/home" && mkdir "$folder/home"
  env -u XDG_CACHE_HOME HOME="$folder/home" "$@"
  find "$folder/home" -type f -printf '%f\n' | sort | xargs
}

python="$folder/venv/bin/python"
alone=$(left_by "$python" -c "import onnxruntime")
disabled=$(left_by "$python" -c "import onnxruntime; onnxruntime.disable_telemetry_events()")
switched=$(left_by ORT_DISABLE_TELEMETRY=1 "$python" -c "import onnxruntime")

echo "by itself: ${alone:-none}"
echo "with disable_telemetry_events() after the import: ${disabled:-none}"
echo "with ORT_DISABLE_TELEMETRY=1: ${switched:-none}"
[ -n "$alone" ] && [ -n "$disabled" ] && [ -z "$switched" ]
