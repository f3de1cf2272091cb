"""Videos and frame folders inside shards: `path` reads one of them, `index` finds them all."""
