"""The widget in pages made with React, Vue and Turbo, and under the style sheets of Bootstrap, Tailwind and others."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.flows.hosts import Publisher, await_contrast, publishing, style_of
from tests.flows.people import EN, fill_in, submit, wait_for
from tests.services import ROOT, Live

pytestmark = [pytest.mark.flow, pytest.mark.torture]

NewPage = Callable[..., Page]
MODULES = ROOT / "npm/node_modules"


def module(path: str) -> str:
    file = MODULES / path
    assert file.exists(), f"{file} is missing: run `make npm/node_modules/.installed`, which asks the npm registry."
    return file.read_text()


@pytest.fixture(scope="module")
def host(live: Live) -> Iterator[Publisher]:
    with publishing(live) as publisher:
        for name in ("index.js", "react.js", "vue.js"):
            publisher.add(f"/kaiwa/{name}", (ROOT / "npm" / name).read_text(), "text/javascript")
        yield publisher


def settings(live: Live, path: str = EN, **more: str) -> str:
    return json.dumps({"service": live.url, "site": "demo", "url": live.demo_url + path, **more})


# React 18 has no ES modules: those of its scripts for browsers are named for the import map.
REACT = "export const {createElement, useEffect, useRef, StrictMode, useState} = window.React"


def test_react_mounts_twice_changes_properties_and_unmounts(live: Live, host: Publisher, new_page: NewPage) -> None:
    for name in ("react", "react-dom"):
        host.add(f"/{name}.js", module(f"{name}/umd/{name}.development.js"), "text/javascript")
    host.add("/react-module.js", REACT, "text/javascript")
    start = f"""<script src=/react.js></script><script src=/react-dom.js></script>
    <script type=importmap>{{"imports": {{"react": "/react-module.js"}}}}</script>
    <script type=module>
    import {{createElement, StrictMode}} from 'react'
    import {{Comments}} from '/kaiwa/react.js'
    const root = ReactDOM.createRoot(document.querySelector('main'))
    window.show = settings =>
      root.render(createElement(StrictMode, null, settings && createElement(Comments, settings)))
    show({settings(live)})</script>"""
    page = new_page()
    asked = requests_of(page, "/embed/thread")
    page.goto(host.serve(f"<!doctype html><html lang=en><title>Story</title><main></main>{start}"))
    thread = page.locator("main .thread")
    expect(thread.locator("article").first).to_be_visible()
    # Another title and theme are the same page: what the reader typed stays where it is.
    thread.locator("a.reply").first.click()
    thread.locator("[name=body]").fill("Half a reply")
    page.evaluate(f"show({settings(live, title='New', theme='dark')})")
    expect(page.locator("main .kaiwa")).to_have_attribute("data-theme", "dark")
    expect(thread.locator("article + .respond [name=body]")).to_have_value("Half a reply")
    # In its strict mode React mounts, unmounts and mounts: the second request replaces the first.
    assert len(asked) <= 2
    posts_to(thread, page, live, f"show({settings(live, '/react')})", "/react")
    page.evaluate("window.element = document.querySelector('main div'); show(null)")
    expect(thread).to_have_count(0)
    assert page.evaluate("element.shadowRoot.childElementCount") == 0


def test_vue_keeps_a_thread_alive_and_follows_a_route(live: Live, host: Publisher, new_page: NewPage) -> None:
    host.add("/vue.js", module("vue/dist/vue.esm-browser.js"), "text/javascript")
    start = f"""<script type=importmap>{{"imports": {{"vue": "/vue.js"}}}}</script>
    <script type=module>
    import {{createApp, h, KeepAlive, reactive}} from 'vue'
    import {{Comments}} from '/kaiwa/vue.js'
    const Elsewhere = {{render: () => h('p', 'Elsewhere')}}
    window.state = reactive({{shown: true, settings: {settings(live)}}})
    const app = createApp({{render: () => h(KeepAlive, null, () => state.shown ? h(Comments, state.settings)
      : h(Elsewhere))}})
    window.app = app
    app.mount('main')</script>"""
    page = new_page()
    dark = "<style>.dark body{background:#111;color:#eee}</style>"
    page.goto(host.serve(f"<!doctype html><html lang=en>{dark}<main></main>{start}"))
    thread = page.locator("main .thread")
    expect(thread.locator("article").first).to_be_visible()
    asked = requests_of(page, "/embed/thread")
    thread.locator("[name=body]").fill("Half a comment")
    # Away, while the page becomes dark, and back.
    page.evaluate("state.shown = false")
    expect(page.get_by_text("Elsewhere")).to_be_visible()
    page.evaluate("document.documentElement.classList.add('dark')")
    page.evaluate("state.shown = true")
    expect(thread.locator("[name=body]")).to_have_value("Half a comment")
    expect(page.locator("main .kaiwa")).to_have_attribute("data-theme", "dark")
    await_contrast(page, "back from KeepAlive", place="main div")
    assert not asked
    posts_to(thread, page, live, f"state.settings = {settings(live, '/vue')}", "/vue")
    page.evaluate("window.element = document.querySelector('main div'); app.unmount()")
    assert page.evaluate("element.shadowRoot.childElementCount") == 0


TURBO = """<!doctype html><html lang=en><head><title>{title}</title><script src=/turbo.js></script></head><body>
<h1>{title}</h1><a href=/one>One</a> <a href=/two>Two</a> {slot}
<script async src="{service}/embed.js" data-site=demo></script></body></html>"""


# The thread of the page before is gone, and that of this one is here.
IS_NEW = """(thread => thread && !thread.isOfThePageBefore)(
  document.querySelector('#kaiwa')?.shadowRoot?.querySelector('.thread'))"""


@pytest.mark.parametrize("slot", ["<div id=kaiwa></div>", "<div id=kaiwa data-turbo-permanent></div>"])
def test_turbo_replaces_keeps_and_restores_the_element(
    live: Live, host: Publisher, new_page: NewPage, slot: str
) -> None:
    host.add("/turbo.js", module("@hotwired/turbo/dist/turbo.es2017-umd.js"), "text/javascript")
    for title in ("One", "Two"):
        host.add(f"/{title.lower()}", TURBO.format(title=title, slot=slot, service=live.url))
    page = new_page()
    page.goto(f"{host.url}/one")
    thread = page.locator("#kaiwa .thread")
    name = "Turbo " + ("keeps" if "permanent" in slot else "replaces")
    expect(thread).to_be_visible()
    page.evaluate("window.same = true")
    for title in ("Two", "One", "Two"):
        thread.evaluate("thread => { thread.isOfThePageBefore = true }")
        page.get_by_role("link", name=title).click()
        expect(page.locator("h1")).to_have_text(title)
        wait_for(page, IS_NEW)
    fill_in(thread, name, "Anna", "anna@readers.example")
    with page.expect_request("**/embed/comments") as sent:
        submit(thread)
    assert "%2Ftwo&" in (sent.value.post_data or "") + "&"
    expect(thread.locator(".body", has_text=name)).to_be_visible()
    # From its cache, and then forward again.
    page.go_back()
    expect(page.locator("h1")).to_have_text("One")
    expect(thread.locator(".body", has_text=name)).to_have_count(0)
    expect(thread.locator("[name=body]")).to_be_visible()
    page.go_forward()
    expect(thread.locator(".body", has_text=name)).to_be_visible()
    assert page.evaluate("same"), "the pages were loaded, not visited"


def requests_of(page: Page, path: str) -> list[str]:
    """The addresses that the page asks the service for from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if path in request.url else None)
    return asked


def posts_to(thread: Locator, page: Page, live: Live, change: str, path: str) -> None:
    """After this change the thread is that of another page, and a comment goes there."""
    page.evaluate(change)
    expect(thread.locator(".none")).to_be_visible()
    fill_in(thread, f"For {path}", "Anna", "anna@readers.example")
    with page.expect_request("**/embed/comments") as sent:
        submit(thread)
    assert f"{path.replace('/', '%2F')}&" in (sent.value.post_data or "") + "&"
    expect(thread.locator(".body", has_text=f"For {path}")).to_be_visible()


# Habits of a WordPress block theme and of a static generator's theme that reach other people's elements.
BLOCK_THEME = """
html{font-size:62.5%;box-sizing:border-box;-webkit-text-size-adjust:100%}
*,*::before,*::after{box-sizing:inherit;-webkit-font-smoothing:antialiased;word-break:break-word}
body{margin:0;background:#f5efe0;color:#000;font:400 1.8rem/1.5 system-ui;letter-spacing:-.015em;text-align:left}
:where(.wp-site-blocks)>*{margin-block-start:24px;margin-block-end:0}
.entry-content>*{margin-left:auto;margin-right:auto;max-width:58rem;width:calc(100% - 4rem)}
.is-layout-flow>*{margin-block-start:1.6rem;margin-block-end:0}
.is-layout-constrained>*{max-width:645px;margin-inline:auto!important}
.entry-content p,.entry-content li{line-height:1.4;font-family:serif}
ul{list-style:disc}a{color:#cd2653;text-decoration:underline}div:empty{display:none}
button,input,textarea{appearance:none;background:#cd2653;color:#fff;border-radius:0;text-transform:uppercase}
@media (prefers-reduced-motion:reduce){*{animation-duration:0s!important;transition-duration:0s!important}}
"""
GENERATOR = """
html{font-size:20px;scroll-behavior:smooth;scroll-padding-top:60px}
body{display:grid;grid-template-columns:1fr min(45rem,90%) 1fr;margin:0;font-family:Georgia,serif;line-height:1.6}
body{background:#212121;color:#dcdcdc;word-wrap:break-word}body>*{grid-column:2}header{grid-column:1/-1}
header,footer,form{background:#2b2b2b}article{border:1px solid #666;padding:1rem;margin-bottom:1rem}
section{border-top:1px solid #666;padding:2rem 1rem;margin:3rem 0}details{background:#2b2b2b;padding:.7rem 1rem}
label,button,a{color:#ffb300}input,textarea{width:60%;font-size:1rem}*:focus{outline:none}
h2{font-size:2.6rem;margin-top:3rem}p{font-size:1.5rem}svg{max-width:100%;height:auto}
"""
CONTAINERS = """<div class=wp-site-blocks>
<main class='entry-content is-layout-flow is-layout-constrained container prose'>
<h1>Story</h1><div id=kaiwa></div></main></div>"""


def sheets() -> dict[str, str]:
    return {
        "Bootstrap": module("bootstrap/dist/css/bootstrap.min.css"),
        "Tailwind": module("tailwindcss/preflight.css"),
        "WordPress block theme": BLOCK_THEME,
        "static generator": GENERATOR,
    }


def test_style_sheets_of_frameworks_and_themes_change_nothing(live: Live, host: Publisher, new_page: NewPage) -> None:
    page = new_page(viewport={"width": 1280, "height": 800})
    tag = f'<script async src="{live.url}/embed.js" data-site=demo data-url="{live.demo_url}{EN}"></script>'
    head = "<meta name=viewport content='width=device-width'><style id=sheet></style>"
    thread = host.visit(page, f"<!doctype html><html lang=en>{head}{CONTAINERS}{tag}")
    thread.locator("a.reply").first.click()
    expect(thread.locator(".marks")).to_be_visible()
    for name, sheet in sheets().items():
        page.evaluate("sheet => { document.querySelector('#sheet').textContent = sheet }", sheet)
        await_contrast(page, name)
        size = float(style_of(page.locator("#kaiwa"), "fontSize")["fontSize"].removesuffix("px"))
        assert measures(thread) == {
            "avatar": 36, "button": True, "field": True, "text": size, "bullet": "disc", "transform": "none",
            "spacing": "normal", "focus": "solid",
        }, name  # fmt: skip
        for width in (280, 375, 768, 1280, 1600):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name}, {width} px"
            box = thread.bounding_box()
            assert box and box["width"] > min(width, 600) * 0.6, f"{name}, {width} px: {box}"
    page.evaluate("sheet => { document.querySelector('#sheet').textContent = sheet }", sheets()["Bootstrap"])
    for theme in ("dark", "light"):
        page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme }", theme)
        expect(page.locator("#kaiwa .kaiwa")).to_have_attribute("data-theme", theme)
        await_contrast(page, f"Bootstrap, {theme}")


def measures(thread: Locator) -> dict[str, object]:
    """What a page's style sheet might change: sizes in its units, appearance, focus."""
    found: dict[str, object] = thread.evaluate(
        """thread => { const of = (selector, name) => getComputedStyle(thread.querySelector(selector))[name]
        const height = selector => thread.querySelector(selector).getBoundingClientRect().height
        thread.querySelector('[name=name]').focus({focusVisible: true})
        return {avatar: Math.round(height('.by svg')), button: height('button.submit') >= 44,
            field: height('[name=name]') >= 44, text: parseFloat(of('.body p', 'fontSize')),
            bullet: of('.body', 'listStyleType'), transform: of('button.submit', 'textTransform'),
            spacing: of('.body', 'letterSpacing'), focus: of('[name=name]', 'outlineStyle')} }"""
    )
    return found


def test_the_npm_package_has_what_it_names(tmp_path: Path) -> None:
    package = json.loads((ROOT / "npm/package.json").read_text())
    lock = json.loads((ROOT / "npm/package-lock.json").read_text())
    assert lock["packages"][""]["devDependencies"] == package["devDependencies"]
    foreign = {name: each for name, each in lock["packages"].items() if name}
    assert all(each["integrity"].startswith("sha512-") and "resolved" not in each for each in foreign.values())
    assert not {name for name, each in foreign.items() if not each.get("dev")}, "the package itself needs nothing"
