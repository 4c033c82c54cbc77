"""Random models for every operator, type and opset, and what they must answer."""
