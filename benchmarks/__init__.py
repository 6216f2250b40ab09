"""
What the server costs, beside other servers: C{python -m benchmarks} prints the table.

Every work is a module of C{benchmarks.works}; whatever is compared runs in turn, round after round, the
server on one core and the load on another, and the ratio is the median of the ratios of the same round.
"""
