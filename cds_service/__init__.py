"""A CDS Hooks service for infliximab troughs in children with Crohn's disease."""

__version__ = "0.1.0"
