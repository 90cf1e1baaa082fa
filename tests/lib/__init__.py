"""Tests of app/lib."""
