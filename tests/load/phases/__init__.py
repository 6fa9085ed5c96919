"""The phases, in the order in which they run. Each has a function `run(bench)`, which returns what it found."""
