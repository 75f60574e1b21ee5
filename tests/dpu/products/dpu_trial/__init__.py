"""A recipes package for the tests of the DPU, imported by front-end and runners as any other."""
