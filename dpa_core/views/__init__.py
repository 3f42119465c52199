"""Questions that pages ask of a customer's file. Each takes a file that the office has opened."""
