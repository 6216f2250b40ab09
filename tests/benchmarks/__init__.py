"""The harness of the benchmarks; what it measures is no test."""
