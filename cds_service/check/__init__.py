"""Before a hospital goes live: is the configuration whole, and does its FHIR server hold what an evaluation needs?

Counts only: no value, name or date of a patient leaves this room, and nothing is written to disk.
"""
