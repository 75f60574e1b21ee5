"""The science of CTA: one file a data product, over pure functions in three sub-packages.

``events`` reads raw files, ``simulation`` writes them, ``science`` turns arrays into arrays.
Every module directly in this package is imported when the package is loaded, so a new data
product is one new file here, or in a package of your own.
"""
