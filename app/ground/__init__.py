"""What everything stands on: places, settings and limits, and the JSON that crosses a boundary."""
