"""Sources of frames: files, folders, cameras and addresses, with the thread that reads them."""
