"""
What an accessibility checker asks of a page, in a real browser: names, headings, ids, contrast, keyboard.

Contrast after WCAG 2.1, 1.4.3: 4.5 for text, 3 for large text. Names are those that Chromium gives to assistive
programs.
"""

from __future__ import annotations

from typing import Any

from tests.support.browser import Page

_CONTRAST = """
(() => {
  const curve = (part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const channel = (value) => curve(value / 255);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const back = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
      if (colour[3] > 0) throw new Error("half transparent: " + at.className);
    }
    return [255, 255, 255];
  };
  const wrong = [], seen = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest("script, style, .hear")) continue;
    if (!element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
    const needed = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
    const [a, b] = [light(parts(style.color)), light(back(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const name = element.tagName + "." + element.className + " " + style.color + " on " + back(element);
    seen.add(name);
    if (ratio < needed) wrong.push(ratio.toFixed(2) + " " + name + " " + node.textContent.trim().slice(0, 40));
  }
  return { wrong: [...new Set(wrong)], looked: seen.size };
})()
"""
_STRUCTURE = """
(() => {
  const wrong = [];
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) wrong.push("id twice: " + id);
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) wrong.push("heading skips a level: " + heading.textContent.trim().slice(0, 60));
    level = own;
  }
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  if (document.querySelectorAll("main").length !== 1) wrong.push("not one main");
  if (!document.documentElement.lang) wrong.push("no language");
  if (!document.title) wrong.push("no title");
  for (const table of document.querySelectorAll("thead")) {
    const nameless = (cell) => !cell.scope || !cell.textContent.trim();
    if ([...table.querySelectorAll("th")].some(nameless)) wrong.push("a column without a name");
  }
  for (const link of document.querySelectorAll("a[href^='#']")) {
    const there = link.getAttribute("href").slice(1);
    if (!document.getElementById(there)) wrong.push("leads nowhere: " + there);
  }
  for (const element of document.querySelectorAll("[aria-labelledby]")) {
    const label = document.getElementById(element.getAttribute("aria-labelledby"));
    if (!label) wrong.push("labelled by nothing: " + element.id);
  }
  for (const element of document.querySelectorAll("*")) {
    const overflow = getComputedStyle(element).overflowY;
    const scrolls = (overflow === "auto" || overflow === "scroll") && element.scrollHeight > element.clientHeight + 1;
    if (scrolls && element.tabIndex < 0) {
      wrong.push("scrolls, and no key gets there: " + element.className);
    }
  }
  return wrong;
})()
"""
_CONTROLS = {
    "textbox",
    "searchbox",
    "combobox",
    "button",
    "link",
    "checkbox",
    "region",
    "navigation",
    "form",
    "listbox",
}


def low_contrast(page: Page) -> list[str]:
    """Return every text with too little contrast; fails where there was next to nothing to look at."""
    found = page.run(_CONTRAST)
    assert found["looked"] > 10, found
    return list(found["wrong"])


def structure(page: Page) -> list[str]:
    """Return what is wrong with headings, ids, landmarks, tables, links within the page and what scrolls."""
    return list(page.run(_STRUCTURE))


def nameless(page: Page) -> list[str]:
    """Return every control, link and landmark that assistive programs have no name for."""
    page.send("Accessibility.enable")
    nodes: list[dict[str, Any]] = page.send("Accessibility.getFullAXTree")["nodes"]
    found = [node for node in nodes if not node.get("ignored") and node.get("role", {}).get("value") in _CONTROLS]
    assert found, "no control at all"
    return [str(node["role"]["value"]) for node in found if not node.get("name", {}).get("value", "").strip()]


def stops(page: Page, count: int) -> list[dict[str, Any]]:
    """Press Tab that often; return each stop: its text or id, and whether one sees that it has the focus."""
    script = """
    (() => {
      const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
      return { id: at.id, tag: at.tagName, text: at.textContent.trim().slice(0, 40),
               seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0
                     && box.right > 0 && box.bottom > 0 && box.top < innerHeight };
    })()
    """
    found = []
    for _ in range(count):
        page.press("Tab", 9)
        found.append(page.run(script))
    return found
