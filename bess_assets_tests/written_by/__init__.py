"""Small rollups as other programs write them, and the script that had them written: `make.py`."""
