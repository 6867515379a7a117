"""Where runs are kept: one SQLite file that outlives crashes, full disks and updates.

What a caller stored it reads back at once: readers wait for the rows that are on their way. Measured rows
lie in compressed columnar chunks (a run of 100 000 rows is 200 of them), so that storing a million rows
takes a second, and reading ten thousand takes a blink.
"""
