"""Every sentence of page and PDF, a table for each language."""
