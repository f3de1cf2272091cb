"""Photos: taking and keeping them, classifying them from files, a camera or a page in the browser."""
