"""The Markdown pages as HTML: readable without a script, printable, light and dark, and no byte from elsewhere."""

from functools import lru_cache
from html import escape

from cds_service.content import Content
from cds_service.layers import topmost
from cds_service.published.pages import index_markdown, rule_markdown
from cds_service.rules.rule import Rule

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Second Read</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="style.css">
</head>
<body>
<header><a href="./">Second Read</a></header>
<main>
{body}
</main>
<footer>Content {digest}. No patient data on this page.</footer>
</body>
</html>
"""
STYLE = """\
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #fff; --line: #d0d7de; --tint: #f6f8fa;
  --link: #0550ae; --mark: #9a6700; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9198a1; --paper: #0d1117; --line: #30363d; --tint: #161b22; --link: #79b8ff;
    --mark: #d29922; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
header, main, footer { max-width: 54rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 1rem; }
header a { color: var(--soft); text-decoration: none; font-weight: 600; }
footer { color: var(--soft); font-size: .85rem; padding-bottom: 2rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 1rem 0; text-wrap: balance; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-top: .9rem; border-top: 1px solid var(--line); }
a { color: var(--link); overflow-wrap: anywhere; }
a:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
blockquote { margin: 1rem 0; padding: .5rem 1rem; border-left: 4px solid var(--mark); background: var(--tint); }
blockquote p { margin: .2rem 0; }
code { background: var(--tint); padding: .1em .3em; border-radius: 4px; font-size: .9em; overflow-wrap: anywhere; }
li { margin: .3rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .6rem .45rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; }
thead:has(th:empty) { display: none; }
td:first-child { min-width: 9rem; }
em { color: var(--soft); }
@media (max-width: 40rem) {
  h1 { font-size: 1.35rem; }
  table, tbody, tr, td { display: block; }
  thead { display: none; }
  tr { border-bottom: 1px solid var(--line); padding: .4rem 0; }
  td { border: 0; padding: .1rem 0; }
  td:first-child { font-weight: 600; }
}
@media print {
  :root { --ink: #000; --soft: #333; --paper: #fff; --line: #999; --tint: #fff; --link: #000; --mark: #000; }
  body { font-size: 10.5pt; }
  header { display: none; }
  h2 { break-after: avoid; }
  tr, li, blockquote { break-inside: avoid; }
}
"""


def rule_page(rule: Rule, content: Content) -> str:
    """The page of one rule as HTML."""
    return _page(rule_markdown(rule, content), content.digest)


def index_page(content: Content) -> str:
    """The list of rules as HTML."""
    return _page(index_markdown(content), content.digest)


def intended_use_page(content: Content) -> str:
    """The statement of intended use as HTML; a site's own goes before the shipped one."""
    cards = [layer / "cards" for layer in content.layers]
    return _page(topmost(cards, "intended-use.md").read_text(encoding="utf-8"), content.digest)


@lru_cache(maxsize=64)
def _page(markdown: str, digest: str) -> str:
    from markdown_it import MarkdownIt  # only whoever opens a page pays for it

    title = markdown.partition("\n")[0].lstrip("# ").replace("\\", "")
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    return _PAGE.format(title=escape(title), body=body, digest=escape(digest))
