"""The report: reads a comparison's JSON Lines, writes Markdown, SVG and HTML.

load        rows and figures out of the file
states      near and far: which rows may be compared
latency     percentiles of merged repeats, .hgrm files
text        numbers and Markdown for people
settings    placements and waits: the classes that tables and plots share
needs       the table by need, and where ringbell does not win
targets     what the project set out to reach, computed from the rows
provenance  the commit, the commands, what to warn of
document    BENCHMARKS.md
readme      the table in README.md
tables, open_loop, peers, scale, machine    what stands in the pages
pages       docs/results: the pages and the rows
plots       SVG, by matplotlib
html        one file to play with (page.html), by Plotly
difference  two runs side by side
"""
