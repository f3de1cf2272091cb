"""A search over values of a template: what is tried (`space`), the trials (`study`), and what they gave (`report`)."""
