"""Train, export and run hand-gesture recognisers for live video on a CPU."""

from action_recognition.library_logs import leave_out_lines_about_gpus
from action_recognition.usage_reports import switch_off_usage_reports

__version__ = "0.1.0"

# Before any module of the package imports a library that would report its use.
switch_off_usage_reports()
leave_out_lines_about_gpus()
