# SPDX-License-Identifier: Apache-2.0
"""The page of `monitor --web` in a real browser. Prints "ok - WHAT" and "not ok - WHAT", as lib.sh does.

    live URL SERVER-PID SIMULATED-ROOT PICTURES
    many URL PICTURES
    enter URL LINK TOKEN-FILE PICTURES
"""

import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from browser import Browser, Failure  # noqa: E402


def check(what, holds, detail=""):
    print(f"{'ok' if holds else 'not ok'} - {what}", flush=True)
    if not holds and detail != "":
        print(f"    {detail}", flush=True)


def complaints(b):
    """Without that of our own way to see whether a graph is drawn."""
    return [t for t in b.troubles if "Canvas2D: Multiple readback" not in t]


def card(number, what):
    return f"document.querySelector('#gpu-{number} {what}').textContent"


def sim(*words):
    subprocess.run(["nvbind-sim", *words], check=True, stdout=subprocess.DEVNULL)


# Contrast of every text with what is behind it (WCAG 2.1, 1.4.3: 4.5 to 1), as far as plain colours tell.
CONTRAST = """(() => {
  const parse = (c) => { const n = c.match(/[\\d.]+/g).map(Number); return n.length > 3 ? n : [...n, 1]; };
  const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0.9) return c; }
    return [255, 255, 255, 1]; };
  const bad = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !e.checkVisibility() || e.closest('.overview, script, template, noscript')) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color).slice(0, 3)), light(behind(e).slice(0, 3))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(`${walk.currentNode.textContent.trim()} ${ratio.toFixed(2)}`);
  }
  return [...new Set(bad)].slice(0, 5).join('; ');
})()"""

# What sticks out of the window, and texts that are cut off.
WIDE = """[...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right >
  innerWidth + 1 && !e.closest('.unseen, thead, .skip')).map((e) => e.className || e.tagName).slice(0, 5).join(' ')"""
CUT = """[...document.querySelectorAll('.figures dd, .figures dt, .tiles b, h3, .users b')].filter((e) => e.checkVisibility() &&
  e.scrollWidth > e.clientWidth + 1 && e.clientWidth).map((e) => e.textContent).slice(0, 5).join('; ')"""


def loaded(b, url):
    b.open(url)
    check("the page shows GPUs", b.until("document.querySelectorAll('.card').length > 0"))


def values(b):
    check("every GPU has its card", b.evaluate("document.querySelectorAll('.card').length") == 8)
    check("a capsule is named on the card of its GPU", b.until(card(2, ".users") + ".includes('llm-training')"),
          b.evaluate(card(2, ".users")))
    check("with its memory", "96.0 GiB" in b.evaluate(card(2, ".users")), b.evaluate(card(2, ".users")))
    rows = b.evaluate("[...document.querySelectorAll('#users tbody tr')].map((r) => [...r.children].map((c) => c.textContent))")
    check("the table says which capsule uses which GPU and how much",
          any("gaming-workstation" in r[0] and r[2] == "0" and r[3] == "4.2 GiB" for r in rows), rows)
    check("the one with most memory first", rows and "llm-training" in rows[0][0], rows)
    check("GPUs that nobody uses say so", b.evaluate(card(1, ".users")) == "not in use")
    check("all together", b.evaluate("document.getElementById('sum-users').textContent") == "4")
    b.evaluate("document.getElementById('processes').open = true")
    check("processes are listed", b.until("document.querySelectorAll('#processes tbody tr').length >= 4"))
    check("with what they belong to", "notebook-anna" in b.evaluate("document.querySelector('#processes tbody').textContent"))
    b.evaluate("document.getElementById('processes').open = false")


def is_drawn(number):
    return f"""(() => {{ const c = document.querySelector('#gpu-{number} canvas');
      const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      let seen = 0; for (let i = 3; i < d.length; i += 4) seen += d[i] > 200; return seen; }})()"""


def lively(b, root):
    sim("set", root, "vary=off", "gpu4.utilization=83", "gpu4.power=512", "gpu4.temperature=71")
    check("what changes is shown at once", b.until(card(4, '[data-of="utilization"]') + " === '83%'"))
    check("power", b.until(card(4, '[data-of="power"]') + ".startsWith('512/')"))
    check("temperature", b.until(card(4, '[data-of="temperature"]') + " === '71 °C'"))
    check("and named to who cannot see the graph",
          b.until("document.querySelector('#gpu-4 canvas').getAttribute('aria-label').includes('utilization 83%')"))
    check("graphs are drawn", b.evaluate(is_drawn(2)) > 200, b.evaluate(is_drawn(2)))
    sim("set", root, "vary=on")
    b.open(b.evaluate("location.href"))
    b.until("document.querySelectorAll('.card').length === 8")
    check("a page that is opened has the past", b.until(is_drawn(2) + " > 200", 2), b.evaluate(is_drawn(2)))


def accessible(b, where):
    nodes = b.accessible()
    nameless = [role for role, name in nodes if role in ("button", "link", "image", "textbox", "checkbox", "table", "canvas")
                and not name.strip() and role != "table"]
    check(f"{where}: all that can be used or seen has a name", not nameless, nameless)
    check(f"{where}: headings", [n for r, n in nodes if r == "heading"][:1] != [] and
          b.evaluate("document.querySelectorAll('h1').length") == 1)
    check(f"{where}: the state is announced", b.evaluate("document.getElementById('status').getAttribute('role')") == "status")
    check(f"{where}: the language is told", b.evaluate("document.documentElement.lang") == "en")


def looks(b, where):
    b.wait(0.4)
    check(f"{where}: nothing sticks out", not b.evaluate(WIDE) and
          b.evaluate("document.documentElement.scrollWidth <= innerWidth"), b.evaluate(WIDE))
    check(f"{where}: nothing is cut off", not b.evaluate(CUT), b.evaluate(CUT))
    for scheme in ("dark", "light"):
        b.colours(scheme)
        b.wait(0.3)
        check(f"{where}, {scheme}: text can be read", not b.evaluate(CONTRAST), b.evaluate(CONTRAST))


def themes(b):
    page = "getComputedStyle(document.body).backgroundColor"
    b.colours("dark")
    b.wait(0.2)
    dark = b.evaluate(page)
    b.evaluate("document.getElementById('theme').click()")
    light = b.evaluate(page)
    check("colours can be chosen", dark != light and b.evaluate("document.documentElement.dataset.theme") == "light")
    b.open(b.evaluate("location.href"))
    check("and stay chosen", b.evaluate(page) == light)
    b.evaluate("localStorage.clear()")
    b.open(b.evaluate("location.href"))
    b.until("document.querySelectorAll('.card').length === 8")


def lost_gpu(b, root, pictures):
    sim("fail", root, "gpu", "3", "lost")
    check("a lost GPU is said", b.until("document.querySelector('#gpu-3 .badge').textContent === 'Lost'"))
    check("at the top, too", b.until("!document.getElementById('banner').hidden && "
                                     "document.getElementById('banner').textContent.includes('GPU 3')"))
    check("as an alert", b.evaluate("document.getElementById('banner').getAttribute('role')") == "alert")
    check("and in the summary", b.evaluate("document.getElementById('sum-gpus-note').textContent") == "1 not answering")
    check("the others go on", b.evaluate("document.querySelector('#gpu-2 .badge').hidden"))
    b.wait(0.5)
    b.picture(f"{pictures}/page-lost.webp")
    sim("fail", root, "gpu", "3", "none")
    check("it comes back", b.until("document.querySelector('#gpu-3 .badge').hidden && document.getElementById('banner').hidden"))


def lost_connection(b, server):
    os.kill(server, signal.SIGSTOP)
    check("a server that is silent is said", b.until("document.getElementById('status-text').textContent === 'No data'", 20))
    check("in words", b.evaluate("document.getElementById('banner').textContent").find("Trying again") > 0)
    check("old values look old", b.evaluate("document.body.classList.contains('stale')"))
    os.kill(server, signal.SIGCONT)
    check("it goes on by itself", b.until("document.getElementById('status-text').textContent === 'Live' && "
                                          "!document.body.classList.contains('stale')"))
    os.kill(server, signal.SIGTERM)
    check("a server that ended is said",
          b.until("document.getElementById('status-text').textContent === 'Connection lost'", 20))


def live(url, server, root, pictures):
    with Browser() as b:
        b.size(1280, 860)
        b.colours("dark")
        loaded(b, url)
        check("the connection is live", b.until("document.getElementById('status-text').textContent === 'Live'"))
        values(b)
        lively(b, root)
        themes(b)
        accessible(b, "desktop")
        looks(b, "desktop")
        b.evaluate("document.querySelector('[data-range=\"60\"]').click()")
        b.wait(50 if os.environ.get("NVB_TEST_SCREENS") else 1)  # pictures are of a page that has been open for a while
        b.size(1280, 1180)
        b.wait(0.5)
        b.picture(f"{pictures}/page-light.webp")
        b.colours("dark")
        b.wait(0.5)
        b.picture(f"{pictures}/page-dark.webp")
        b.size(360, 780, phone=True)
        looks(b, "phone")
        accessible(b, "phone")
        b.wait(0.5)
        b.picture(f"{pictures}/page-phone.webp")
        b.evaluate("document.querySelector('#users-title').scrollIntoView()")
        b.wait(0.5)
        b.picture(f"{pictures}/page-phone-users.webp")
        b.size(1280, 860)
        b.evaluate("scrollTo(0, 0)")
        lost_gpu(b, root, pictures)
        strangers = [r for r in b.requests if not r.startswith(url)]
        check("nothing is asked of anybody else", b.requests and not strangers, strangers)
        check("the browser has nothing to complain of", not complaints(b), b.troubles)
        lost_connection(b, int(server))


def many(url, pictures):
    with Browser() as b:
        b.size(1280, 860)
        b.colours("dark")
        loaded(b, url)
        check("64 cards", b.until("document.querySelectorAll('.card').length === 64"))
        check("and all of them in one look", b.evaluate("document.querySelectorAll('#overview a').length") == 64)
        check("MIG devices are there", b.evaluate("document.querySelectorAll('#gpu-0 .mig li').length") == 7)
        looks(b, "64 GPUs")
        b.colours("dark")
        b.wait(3)
        b.picture(f"{pictures}/page-64.webp")
        b.size(360, 780, phone=True)
        looks(b, "64 GPUs on a phone")
        check("the browser has nothing to complain of", not complaints(b), b.troubles)


def enter(url, link, token, pictures):
    refused = "document.querySelector('form[action=\"/enter\"]') !== null"
    with Browser() as b:
        b.size(1280, 860)
        b.colours("dark")
        b.open(url)
        check("who is unknown is asked for the token", b.evaluate(refused))
        b.picture(f"{pictures}/page-enter.webp")
        b.open(url + link)
        check("the link lets in", b.until("document.querySelectorAll('.card').length === 8"))
        check("and is gone from the address", b.evaluate("location.pathname + location.search") == "/")
        check("scripts cannot read the session", "nvbind" not in b.evaluate("document.cookie"))
        check("who came in can leave", b.until("!document.getElementById('leave').hidden"))
        b.evaluate("document.querySelector('#leave button').click()")
        check("and is out", b.until(refused))
    with Browser() as b:
        b.size(360, 780, phone=True)
        b.open(url)
        with open(token, encoding="ascii") as f:
            b.evaluate(f"document.getElementById('token').value = '{f.read().strip()}'")
        b.evaluate("document.querySelector('form button').click()")
        check("the token lets in", b.until("document.querySelectorAll('.card').length === 8"))
        check("nothing to complain of but the refusal",
              not [t for t in b.troubles if "401" not in t], b.troubles)


try:
    {"live": live, "many": many, "enter": enter}[sys.argv[1]](*sys.argv[2:])
except Failure as why:
    check(f"{sys.argv[1]}: the browser does what it is told", False, why)
