"""One file for each noun. Every page reads, and is whole without JavaScript."""
