"""A page that classifies photos in the browser.

It comes from a server for this computer alone, or from a folder of files for any web host.
"""
