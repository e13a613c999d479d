"""The report: reads a comparison's JSON Lines, writes Markdown and SVG.

load        rows and figures out of the file
text        numbers and Markdown for people
settings    placements and waits: the classes that tables and plots share
tables      one function for each table
targets     what the project set out to reach, computed from the rows
provenance  the commit, the commands, what to warn of
plots       SVG, by matplotlib
document    BENCHMARKS.md
readme      the table in README.md
"""
