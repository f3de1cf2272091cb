"""Text in pictures, of any script: with OpenCV's own font, a font of the system, or a stand-in."""

from action_recognition.lettering.names import shown_names
from action_recognition.lettering.outlined import text_width, write_outlined
from action_recognition.lettering.writing import fitted, write_text

__all__ = ["fitted", "shown_names", "text_width", "write_outlined", "write_text"]
