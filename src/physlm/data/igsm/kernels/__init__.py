"""Compiled drawing of problems of iGSM: a module for each stage, and `attempts` for the whole."""
