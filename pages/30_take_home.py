"""Take-home page: how does one lecture reach everybody? As one file that needs no server and no network."""

from app.take_home.screen import page

page()
