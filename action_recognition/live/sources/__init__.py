"""Sources of frames: files, folders, cameras, addresses, and the thread that reads them."""
