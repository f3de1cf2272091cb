"""Clips in the forms that people have them: found -> people -> opened and placed -> split -> annotation files and a report."""
