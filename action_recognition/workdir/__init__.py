"""Make a work dir from a template: the folder in which train.py, eval.py and the others run.

Imports neither torch nor cv2.
"""

from action_recognition.workdir.making import instantiate
from action_recognition.workdir.options import InstantiateOptions, WorkDir, silent
from action_recognition.workdir.record import RECORD_FILE

__all__ = [
    "RECORD_FILE",
    "InstantiateOptions",
    "WorkDir",
    "instantiate",
    "silent",
]
