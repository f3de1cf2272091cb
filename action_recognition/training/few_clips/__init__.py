"""The preset for few clips: backbone features once, then the head, then the upper blocks."""
