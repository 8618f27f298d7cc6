/* The Markdown a card may use (bold, lists, paragraphs, links), made into elements. Text never becomes HTML. */
"use strict";

const Markdown = (() => {
  const INLINE = /\\([!-/:-@[-`{-~])|\*\*((?:\\.|[^*\\])+)\*\*|\[((?:\\.|[^\]\\])+)\]\((https?:\/\/[^\s)]+)\)|&(amp|lt|gt|quot|#39);/g;
  const ENTITY = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };

  function inline(text, parent) {
    let last = 0;
    for (const found of text.matchAll(INLINE)) {
      parent.append(text.slice(last, found.index));
      last = found.index + found[0].length;
      if (found[1] !== undefined) parent.append(found[1]);
      else if (found[2] !== undefined) inline(found[2], parent.appendChild(document.createElement("strong")));
      else if (found[3] !== undefined) {
        const link = parent.appendChild(document.createElement("a"));
        link.href = found[4];
        link.target = "_blank";
        link.rel = "noopener noreferrer";
        inline(found[3], link);
      } else parent.append(ENTITY[found[5]]);
    }
    parent.append(text.slice(last));
  }

  function render(source) {
    const out = document.createDocumentFragment();
    let list = null;
    let block = null;
    let words = "";
    const close = () => {
      if (block) inline(words, block);
      block = null;
      words = "";
    };
    for (const line of source.split("\n")) {
      const item = /^\s*[*-]\s+(.*)$/.exec(line);
      if (item) {
        close();
        if (!list) list = out.appendChild(document.createElement("ul"));
        block = list.appendChild(document.createElement("li"));
        words = item[1];
      } else if (!line.trim()) {
        close();
        list = null;
      } else if (block) {
        words += " " + line.trim();
      } else {
        list = null;
        block = out.appendChild(document.createElement("p"));
        words = line.trim();
      }
    }
    close();
    return out;
  }

  return { render };
})();
