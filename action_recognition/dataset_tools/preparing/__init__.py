"""The original's data sets, cropped to the person.

Entries or rows lead to crops, crops to pictures, and these to annotation files and a report.
"""
