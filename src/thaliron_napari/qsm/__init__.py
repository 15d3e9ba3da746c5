"""Susceptibility from the phase of a multi-echo gradient echo."""
