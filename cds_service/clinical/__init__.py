"""The medicine, pure: what the chart says goes in, what we conclude comes out.

Nothing here reads a clock, a file of a site, the network or FHIR. Start with `record` (what goes in),
`assessment` (what comes out) and `assess` (the recipe between them).
"""
