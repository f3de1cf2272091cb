"""Photos: taking and storing them, and classifying them from files, a camera or a browser page."""
