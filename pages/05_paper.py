"""Paper card: what does the paper report, what do the same methods do here, and what differs between the two?"""

from app.paper.screen import page

page()
