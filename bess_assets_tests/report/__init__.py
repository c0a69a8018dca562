"""Tests of the page and the workbook."""
