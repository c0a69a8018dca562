"""Processes that die, disks that are full, and several processes at once."""
