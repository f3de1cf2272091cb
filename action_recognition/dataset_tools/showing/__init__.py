"""A data set to look at: strips of frames, and a page of them with what a check found."""
