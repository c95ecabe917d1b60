"""How well does a program read breast MRI studies? `python -m benchmarks.reader`; the format is in README.md."""
