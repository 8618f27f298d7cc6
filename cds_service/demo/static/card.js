/* Cards, drafts and reasons for silence as the demo EHR shows them. Pure: elements in, elements out. */
"use strict";

/** An element with attributes and children; strings are text, never HTML. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const Shown = (() => {
  const INDICATOR = { info: "Information", warning: "Warning", critical: "Critical" };
  const ROLES = { excluded: "excluded", "not-indicated": "not indicated", undetermined: "undetermined", error: "error", indicated: "indicated" };

  function card(card, { accept, override }) {
    const name = `card-${card.uuid}`;
    const body = el("div", { class: "card-detail" });
    if (card.detail) body.append(Markdown.render(card.detail));
    return el(
      "article",
      { class: `card ${card.indicator}`, "aria-labelledby": name, tabindex: "-1", "data-uuid": card.uuid },
      el("p", { class: "indicator" }, el("span", { class: "glyph", "aria-hidden": "true" }, card.indicator === "info" ? "i" : "!"), INDICATOR[card.indicator]),
      el("h3", { id: name }, card.summary),
      body,
      el(
        "div",
        { class: "actions" },
        ...(card.suggestions || []).map((suggestion) =>
          el("button", { type: "button", class: "primary", onclick: () => accept(card, suggestion) }, suggestion.label)),
        ...(card.links || []).map((link) => el("a", { href: link.url, target: "_blank", rel: "noopener noreferrer" }, link.label)),
      ),
      (card.overrideReasons || []).length ? overriding(card, override) : null,
      el("p", { class: "source" }, "Source: ", card.source.url
        ? el("a", { href: card.source.url, target: "_blank", rel: "noopener noreferrer" }, card.source.label)
        : card.source.label),
    );
  }

  function overriding(card, override) {
    const reasons = card.overrideReasons.map((reason, index) =>
      el("label", { class: "choice" },
        el("input", { type: "radio", name: `reason-${card.uuid}`, value: String(index), required: true }),
        el("span", {}, reason.display)));
    const comment = el("input", { type: "text", id: `comment-${card.uuid}`, maxlength: "300", autocomplete: "off" });
    const form = el("form", {},
      el("fieldset", {}, el("legend", {}, "Why not now?"), ...reasons),
      el("label", { class: "comment", for: comment.id }, "Comment, if you like"),
      comment,
      el("button", { type: "submit", class: "secondary" }, "Continue without it"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const chosen = form.querySelector("input[type=radio]:checked");
      override(card, card.overrideReasons[Number(chosen.value)], comment.value.trim());
    });
    return el("details", { class: "override" }, el("summary", {}, "Continue without it…"), form);
  }

  function silence(because) {
    return el("div", { class: "card silence", tabindex: "-1" },
      el("h3", {}, "Nothing was shown"),
      el("p", {}, "The order was signed without a card. The surgeon would see nothing here."),
      because);
  }

  /** A rule's sentence says what would hold; where it does not, that is said first. */
  const LEADS = { "not-indicated": "Not met: ", undetermined: "Not known: " };

  /** Rule, outcome and what decided; by what the order was recognised, and how it was tied to its study and report. */
  function trace(verdict) {
    const linked = verdict.linked_by ? `, linked by ${verdict.linked_by.replace(" ", ", then ")}` : "";
    return `${verdict.rule}: ${ROLES[verdict.outcome] || verdict.outcome} because of ${verdict.because}; ` +
      `order recognised by ${verdict.recognised_by}${linked}`;
  }

  /** Demo only: what the ledger says was decided. */
  function why(verdicts) {
    if (!verdicts.length) {
      return el("div", { class: "why" }, el("h4", {}, "Why, from the ledger (demo only)"),
        el("p", {}, "No order here is surgery or cancer treatment for which a rule is written. The call ended before any report was read."));
    }
    return el("div", { class: "why" }, el("h4", {}, "Why, from the ledger (demo only)"),
      el("ul", {}, ...verdicts.map((verdict) =>
        el("li", {},
          el("span", { class: "says" }, (LEADS[verdict.outcome] || "") + (verdict.says || "This rule could not speak.")), " ",
          el("span", { class: "trace" }, trace(verdict))))));
  }

  const words = (concept) => !concept ? "" : concept.text || (concept.coding || []).map((coding) => coding.display || coding.code).join(", ");

  /** The draft second-read order that resulted, for a person to read. */
  function draft(resource, names) {
    const rows = [
      ["Order", words(resource.code)],
      ["Status", `${resource.status}, not signed`],
      ["Priority", resource.priority || "routine"],
      ["Reader", words(resource.performerType)],
      ["Reason", (resource.reasonCode || []).map(words).filter(Boolean).join("; ")],
      ["Question", (resource.note || []).map((note) => note.text).join(" ")],
      ["Based on", (resource.supportingInfo || []).map((info) => names[info.reference] || info.display || info.reference).join("; ")],
      ["Needed by", resource.occurrenceDateTime || (resource.occurrencePeriod || {}).end || ""],
    ].filter(([, value]) => value);
    return el("div", { class: "draft" },
      el("dl", {}, ...rows.flatMap(([term, value]) => [el("dt", {}, term), el("dd", {}, value)])),
      json("The order as FHIR", resource));
  }

  /** JSON that opens with one click. */
  function json(title, value, open = false) {
    return el("details", { class: "raw", open }, el("summary", {}, title),
      el("pre", { tabindex: "0", "aria-label": title }, JSON.stringify(value, null, 2)));
  }

  return { card, silence, why, draft, json };
})();
