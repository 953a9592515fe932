"""Whom and what we trust: who may call, the limits of a JSON body, the FHIR servers that may be read, our own keys."""
