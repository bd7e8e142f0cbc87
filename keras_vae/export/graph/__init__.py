"""A model as functions of tensors."""
