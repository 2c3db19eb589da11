"""What is held against a known truth: labels, models, labellers and rankings of models."""
