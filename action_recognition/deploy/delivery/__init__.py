"""The delivered folder: record, card, verification, benchmarks."""
