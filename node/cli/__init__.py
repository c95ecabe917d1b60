"""The command line: one module per group of commands, importing what it needs when it runs."""
