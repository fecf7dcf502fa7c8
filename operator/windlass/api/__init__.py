"""What users write: one module per kind, from which the CRDs are generated."""
