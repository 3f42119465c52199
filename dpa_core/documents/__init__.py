"""Documents as PDF, and the script that checks a received folder."""
