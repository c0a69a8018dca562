"""What turns a plan into runs: jobs, sensors, and the cleaning up after runs that died.

Belongs here: jobs, sensors and schedules; marking dead runs; Dagster's home.
Does not: deciding what is missing or changed (store/status.py), the assets (assets/). No declarative automation:
its conditions wait while any upstream is missing, which here is always.
"""
