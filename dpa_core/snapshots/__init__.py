"""Snapshots: one customer's configuration at one moment, as a document that can be filed and trusted.

Frozen once as typed data; the JSON, PDF, XLSX and CSV all come from that.
Standard: Art. 28(3)(h) GDPR, RFC 8785 (canonical JSON), RFC 7515 and 8037 (signature), PDF/A-3a, PDF/UA-1.
"""
