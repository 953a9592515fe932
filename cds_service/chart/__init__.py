"""The chart: from the prefetch where it is good, from the FHIR server where it is not; of one child only."""
