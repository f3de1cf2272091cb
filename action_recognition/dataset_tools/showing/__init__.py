"""A page of thumbnails of the clips of annotation files, with the findings of the check."""
