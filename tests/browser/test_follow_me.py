"""A lecture that two students follow, one of them on a phone, in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Opened
from tests.browser.lab_driver import settled
from tests.browser.walk.look import serious


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=re.compile(name)).last


def shows_step(page: Page, n: int) -> None:
    expect(page.locator(".st-key-lesson_head")).to_contain_text(f"Step {n} of")


def bar(page: Page) -> Locator:
    return page.locator(".st-key-room_bar")


def predict(page: Page) -> None:
    page.locator('.st-key-lesson_question [data-testid="stRadio"] label:has(input)').first.click()
    expect(button(page, "Lock in")).to_be_enabled()
    button(page, "Lock in").click()
    expect(page.locator(".fedrot-feedback")).to_be_visible()


def test_students_come_along_explore_come_back_and_answer(open_page: Opened, app_url: str) -> None:
    lecturer, student = open_page(reduced_motion="reduce"), open_page(reduced_motion="reduce")
    phone = open_page(390, 844, reduced_motion="reduce")
    lecturer.goto(f"{app_url}/one_update?step=2")
    settled(lecturer)
    button(lecturer, "^Follow me").click()
    button(lecturer, "Start a room").click()
    expect(lecturer.locator(".fedrot-join img")).to_be_visible()
    assert not serious(lecturer)
    link = lecturer.locator(".fedrot-join .address").inner_text()
    assert re.fullmatch(re.escape(app_url) + r"/\?room=\w{6}", link)
    for page in (student, phone):
        page.goto(link)
    for page in (student, phone):
        expect(bar(page)).to_contain_text("Following the lecture")
        shows_step(page, 2)
    expect(lecturer.locator(".fedrot-here")).to_contain_text("2\u00a0following")
    button(lecturer, "^Close$").click()
    expect(lecturer.get_by_role("dialog")).to_have_count(0)

    settled(phone)  # though it looks for the lecturer each second
    assert phone.evaluate("location.pathname + location.search").endswith("/one_update?step=2")
    main = phone.get_by_test_id("stMain")
    assert main.evaluate("e => e.scrollWidth - e.clientWidth") == 0
    expect(bar(phone)).to_be_in_viewport(ratio=1)

    button(phone, "^Next").click()
    expect(bar(phone)).to_contain_text("On your own")
    button(lecturer, "^Back").click()
    shows_step(student, 1)
    shows_step(phone, 3)
    button(phone, "^Back to the lecture").click()
    shows_step(phone, 1)

    for page in (student, phone):
        predict(page)
    expect(lecturer.locator(".st-key-figure_room .title")).to_contain_text("2\u00a0answers")
    lecturer.reload()
    expect(button(lecturer, "2 following")).to_be_visible()
    button(lecturer, "2 following").click()
    button(lecturer, "^End the room").click()
    expect(button(lecturer, "^Follow me")).to_be_visible()
    for page in (student, phone):
        expect(bar(page)).to_contain_text("has ended")
        shows_step(page, 1)


def test_the_open_menu_of_a_phone_covers_the_way_in(open_page: Opened, app_url: str) -> None:
    phone = open_page(390, 844)
    phone.goto(f"{app_url}/quiz")
    settled(phone)
    expect(button(phone, "^Follow me")).to_be_visible()
    phone.get_by_test_id("stExpandSidebarButton").click()
    expect(phone.locator(".st-key-room_open")).to_be_hidden()
    phone.locator('[data-testid="stSidebarCollapseButton"] button').click()
    expect(button(phone, "^Follow me")).to_be_visible()
