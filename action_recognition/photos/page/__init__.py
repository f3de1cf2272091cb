"""A page that classifies photos in the browser: its files, a server for this computer alone, a folder for any web host."""
