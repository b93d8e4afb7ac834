"""Streamlit helpers for the pages."""
