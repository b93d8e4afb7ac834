"""Ensembles as functions over distances[model, triple, 2] and competence[reference, model]."""
