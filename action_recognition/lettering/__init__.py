"""Text in pictures, of any script: with OpenCV's own font, a font of the system, or a stand-in."""

from action_recognition.lettering.names import shown_names
from action_recognition.lettering.writing import write_text

__all__ = ["shown_names", "write_text"]
