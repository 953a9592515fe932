"""Pharmacokinetics of one child: from infusions, levels and covariates to the trough of any regimen.

Question: what would a shorter interval do for this child? `case` holds the inputs, `model` a published population
model, `disposition` the closed form, `course` walks a child's infusions, `estimate` finds the child inside the
model, `posterior` says how sure that is, `forecast` looks ahead. Units: days, L, L/day, mg, mg/L (= ug/mL), kg.
"""
