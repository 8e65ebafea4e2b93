"""The lab: what does averaging do to the clients' factors, and what does turning them first change?"""

from app.lab.screen import page

page()
