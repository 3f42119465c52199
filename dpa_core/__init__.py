"""DPA Desk: a customer's configuration under a Data Processing Agreement, as documented instructions."""
