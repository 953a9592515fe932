"""From FHIR R4 resources to the record: codes and units are tables, reading is pure.

`searches` says what to ask for, `chart` is what came back, `read` turns it into a TreatmentRecord and `orders`
reads the drafts. A new laboratory code is a row in `tables/`, not a commit of Python.
"""
