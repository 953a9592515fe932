"""Whom and what we trust: the limits of a JSON body and the FHIR servers that may be read."""
