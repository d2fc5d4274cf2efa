"""Figures of pooled test predictions: metrics, intervals, fusion, tables, simple methods, and two results compared."""
