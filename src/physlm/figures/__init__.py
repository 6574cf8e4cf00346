"""One module per figure: table(runs) -> DataFrame, draw(table) -> Figure."""
