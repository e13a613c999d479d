#!/usr/bin/python3
"""Turns the JSON Lines of a comparison into BENCHMARKS.md, SVG plots and README's figures.

Run it with --help; the work is done in the package `report` beside this file.
"""

import sys

from report.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
