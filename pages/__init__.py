"""The pages: one short script each, run by Streamlit through `app.py`."""
