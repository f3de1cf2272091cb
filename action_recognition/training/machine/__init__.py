"""The machine that a run uses: devices, processes, precision, memory, the lock of its folder."""
