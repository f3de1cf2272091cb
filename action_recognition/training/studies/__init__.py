"""Studies of several runs: folds, learning curves, subsets, searches."""
