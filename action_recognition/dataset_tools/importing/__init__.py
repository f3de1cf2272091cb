"""Import clips in the forms that people have them.

Clips are found, opened and placed, split by people, and written as annotation files and a report.
"""
