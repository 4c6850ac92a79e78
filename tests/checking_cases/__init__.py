"""What the gradient checker is judged by: faults that it must find, functions it must not blame.

`faults` and `correct` are data that any library for automatic differentiation can run: a function
takes its mathematics from a namespace `m`, and nothing in them imports a library. So the peers'
checkers are judged by the same (`benchmarks/checkers.py`). `ours` plants the faults in this
library, and adds those of its own backward pass and recording.
"""
