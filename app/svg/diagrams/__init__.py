"""Pictures that are no charts: timelines, states, shares, flows, cells, graphs, address spaces."""
