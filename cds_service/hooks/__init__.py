"""The first and the last room: a CDS Hooks request comes in, cards go out."""
