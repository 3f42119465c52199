"""Run by the measure of the browser: a page and a dialog of fixed words, as little as Streamlit can draw."""

import streamlit as st


@st.dialog("Review")
def review() -> None:
    st.markdown("What it would do.")
    if st.button("Confirm instruction", type="primary"):
        st.session_state["done"] = True
        st.rerun()


st.title("Page")
if st.session_state.pop("done", False):
    st.success("Recorded as entry 1")
if st.button("Open"):
    review()
