"""The take-home page: one offline HTML file with a grid of finished runs."""
