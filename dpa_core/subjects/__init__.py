"""The rules, one file a subject, pure."""
