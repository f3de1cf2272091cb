"""Keep libraries from reporting their use to their makers.

Three libraries do so unless they are told not to:

- `import openvino` and NNCF's quantisation send events through the package `openvino_telemetry`.
  Without consent on record they assume it, and leave an identifier in `~/intel`.
- `import onnxruntime` opens a database and an identifier in `~/.cache/Microsoft`. It sends them
  from a thread in native code.
- huggingface_hub, which timm imports, describes the machine and the session in its requests.

All of that is decided while they are imported. So the package switches it off when it is imported
itself, for this process and its children. Nothing is written in the user's home, and what the user
chose there for other programs stays as it is.

Source: openvino_telemetry 2025.2.0, main.py; nncf 3.4.0, telemetry/wrapper.py; onnxruntime 1.31.1,
seen by strace; huggingface_hub, constants.py.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Final, cast

_TELEMETRY_PACKAGE: Final = "openvino_telemetry"
_SWITCHES: Final = {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
# Values that this process found, to give other programs what the user set for them.
_found: dict[str, str | None] = {}


def switch_off_usage_reports() -> None:
    """Switch off the reports of all libraries that this process imports from now on."""
    # None lets an import fail as if the package were missing, which OpenVINO and NNCF allow for.
    # An application that has imported it already keeps it.
    sys.modules.setdefault(_TELEMETRY_PACKAGE, cast(ModuleType, None))

    for name, value in _SWITCHES.items():
        _found.setdefault(name, os.environ.get(name))
        os.environ[name] = value


def environment_of_other_programs() -> dict[str, str]:
    """Return the environment for programs of the user, without what was switched off here."""
    environment = dict(os.environ)
    for name, value in _found.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return environment
