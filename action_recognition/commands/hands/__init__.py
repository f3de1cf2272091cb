"""Commands around the landmarks of hands."""
