"""Accuracy, its statistics, agreement, leakage, and the comparison report."""
