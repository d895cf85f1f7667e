"""What `make bench` measures: one module for each figure or family of figures."""
