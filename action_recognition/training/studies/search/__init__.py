"""A search over values of a template: the values (`space`), the trials (`study`), the `report`."""
