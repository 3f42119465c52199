"""What Streamlit runs: sign-in, the customer in scope, and navigation."""

import streamlit as st

from dpa_core import web

if __name__ == "__main__":  # a visit: Streamlit runs this file from the top each time
    from pages.parts import shell

    shell.visit(web.site())
else:  # `streamlit run app.py`: the server looks here for how to serve it
    app = st.App(__file__, **web.from_environment())
