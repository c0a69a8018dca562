"""What starts runs and shows them: jobs, requests, sensors, schedules, alarms, dead runs, Dagster's home and history, and the door of its UI.

No declarative automation: its conditions wait while any upstream is missing, which here is always.
"""
