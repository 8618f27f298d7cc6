/* The demo EHR: open a chart, sign its orders at the real service, show what comes back, report what was done with it. */
"use strict";

(() => {
  const SERVICE = `/cds-services/${document.body.dataset.service}`;
  const $ = (id) => document.getElementById(id);
  const patients = $("patients");
  const list = $("patient-list");
  const main = $("chart");
  const advice = $("advice");
  let charts = [];
  let open = null; // { view, drafts: second-read orders accepted from cards, signed: ids }

  async function get(path) {
    const answer = await fetch(path, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
    return answer.json();
  }

  async function post(path, body) {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const text = await answer.text();
    let value = text;
    try { value = text ? JSON.parse(text) : null; } catch { /* shown as it came */ }
    return { status: answer.status, ok: answer.ok, value };
  }

  const day = (text) => text ? new Date(text.length > 10 ? text : `${text}T00:00:00`).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" }) : "";

  /* --- the list of patients ------------------------------------------------------------------------------------ */

  function showList() {
    const wanted = $("filter").value.trim().toLowerCase();
    const found = charts.filter((chart) => [chart.patient.name, chart.title, chart.setting, ...chart.orders].join(" ").toLowerCase().includes(wanted));
    list.replaceChildren();
    let group = null;
    for (const chart of found) {
      if (chart.expect !== group) {
        group = chart.expect;
        list.append(el("li", { class: "group" }, group === "card" ? "A card is expected" : "Silence is expected"));
      }
      list.append(el("li", {}, el("button", {
        type: "button",
        "data-chart": chart.id,
        "aria-current": open && open.view.id === chart.id ? "true" : false,
        onclick: () => openChart(chart.id, true),
      }, el("span", { class: "name" }, chart.patient.name), el("span", { class: "what" }, chart.orders.join(" + ")))));
    }
    $("nobody").hidden = found.length > 0;
  }

  /* --- the chart ------------------------------------------------------------------------------------------------ */

  async function openChart(id, chosen) {
    const view = await get(`/demo/charts/${encodeURIComponent(id)}`);
    open = { view, drafts: [], signed: [] };
    history.replaceState(null, "", `#${id}`);
    showList();
    showChart();
    showResting();
    if (chosen && narrow.matches) patients.open = false;
    if (chosen) main.focus({ preventScroll: !narrow.matches });
  }

  function showChart() {
    const { view } = open;
    main.replaceChildren(
      el("header", { class: "patient" },
        el("h1", {}, view.patient.name),
        el("p", { class: "facts" }, [`${view.patient.age} years`, view.patient.sex, `born ${day(view.patient.born)}`, view.patient.mrn].join(" · ")),
        el("p", { class: "facts" }, view.setting)),
      el("p", { class: "story" }, el("strong", {}, `${view.title}. `), view.story),
      orders(),
      ...view.imaging.map(report),
      ...view.pathology.map((each) => el("section", { class: "panel" },
        el("h2", {}, each.title), el("p", { class: "facts" }, day(each.date)), el("p", {}, each.text))),
      el("section", { class: "panel" },
        el("h2", {}, "Also on file"),
        el("ul", { class: "plain" }, ...view.problems.map((each) => el("li", {}, each)), ...view.on_file.map((each) => el("li", {}, each)))),
    );
    if (!view.imaging.length) {
      main.querySelector(".orders").after(el("section", { class: "panel" }, el("h2", {}, "Imaging"), el("p", { class: "quiet" }, "No imaging study and no report on file.")));
    }
  }

  /** A report's lines without its hard wraps: a line goes on where the next word would not have fitted into it,
      unless that word begins a heading or a numbered item. */
  function unwrapped(text) {
    const width = 72;
    return text.split("\n").reduce((lines, line) => {
      const last = lines[lines.length - 1];
      const word = line.trim().split(" ")[0];
      if (last && word && last.wrapped.length + 1 + word.length > width && !/^(\d+\.\s|[A-Z][\w ,/-]{0,30}:)/.test(line)) {
        last.text += ` ${line.trim()}`;
        last.wrapped = line;
      } else {
        lines.push({ text: line, wrapped: line });
      }
      return lines;
    }, []).map((line) => line.text).join("\n");
  }

  function report(each) {
    return el("section", { class: "panel imaging" },
      el("h2", {}, each.title),
      el("p", { class: "facts" }, [day(each.date), `report ${each.status}`, `read by ${each.reader}`].join(" · ")),
      el("pre", { class: "report", tabindex: "0", "aria-label": `Report: ${each.title}` }, unwrapped(each.text || "")));
  }

  function orders() {
    const { view, drafts, signed } = open;
    const row = (id, title, facts, note) => el("li", {},
      el("label", { class: "choice" },
        el("input", { type: "checkbox", name: "order", value: id, checked: true }),
        el("span", {}, el("strong", {}, title), facts ? el("span", { class: "facts" }, facts) : null)),
      note ? el("span", { class: "tag" }, note) : null);
    const form = el("form", { class: "panel orders" },
      el("h2", {}, "Orders to sign"),
      el("ul", { class: "plain" },
        ...view.orders.map((order) => row(order.id, order.title,
          [!order.title.includes(order.site) && order.site, order.priority, order.start && `planned ${day(order.start)}`, order.dosage, order.reason].filter(Boolean).join(" · "),
          signed.includes(order.id) ? "signed" : null)),
        ...drafts.map((draft) => row(draft.id, draft.code.text || "Second read", [(draft.performerType || {}).text, "draft from the card"].filter(Boolean).join(" · "), "new"))),
      el("div", { class: "actions" },
        el("button", { type: "submit", class: "primary", id: "sign" }, signed.length ? "Sign again" : view.orders.length > 1 ? "Sign orders" : "Sign order"),
        el("p", { class: "facts", id: "signer" }, `as ${view.signer}`)));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sign([...form.querySelectorAll("input[name=order]:checked")].map((box) => box.value));
    });
    return form;
  }

  /* --- signing -------------------------------------------------------------------------------------------------- */

  async function sign(ids) {
    const { view, drafts } = open;
    const button = $("sign");
    const own = view.orders.map((order) => order.id).filter((id) => ids.includes(id));
    if (!ids.length) return;
    button.disabled = true;
    try {
      const request = await get(`/demo/charts/${encodeURIComponent(view.id)}/request?orders=${own.map(encodeURIComponent).join(",")}`);
      const entries = own.length ? request.context.draftOrders.entry : [];
      request.context.draftOrders.entry = [...entries, ...drafts.filter((draft) => ids.includes(draft.id)).map((resource) => ({ resource }))];
      const started = performance.now();
      const answer = await post(SERVICE, request);
      const took = Math.round(performance.now() - started);
      await showAnswer(request, answer, took, own);
    } catch (error) {
      failed(error);
    } finally {
      const again = $("sign");
      if (again) again.disabled = false;
    }
  }

  async function showAnswer(request, answer, took, own) {
    const cards = answer.ok ? answer.value.cards : [];
    const raw = el("div", { class: "raws" },
      Shown.json("Raw request", request), Shown.json(`Raw response (HTTP ${answer.status}, ${took} ms)`, answer.value));
    if (!answer.ok) {
      advice.replaceChildren(el("p", { class: "failure", role: "alert" }, `The service answered ${answer.status}. The order can be signed all the same.`), raw);
      return;
    }
    if (!cards.length) {
      const { verdicts } = await get(`/demo/why/${encodeURIComponent(request.hookInstance)}`);
      markSigned(own);
      advice.replaceChildren(Shown.silence(Shown.why(verdicts)), raw);
    } else {
      const deeds = {
        accept: (card, suggestion) => accepted(card, suggestion, own, raw).catch(failed),
        override: (card, reason, comment) => overridden(card, reason, comment, own, raw).catch(failed),
      };
      advice.replaceChildren(...cards.map((card) => Shown.card(card, deeds)), raw);
      advice.append(el("p", { class: "facts" }, el("a", { href: `/demo/clients#${encodeURIComponent(open.view.id)}` }, "How other EHRs show this card")));
      highlight(cards);
    }
    const first = advice.firstElementChild;
    first.focus({ preventScroll: true });
    if (narrow.matches) first.scrollIntoView({ block: "start", behavior: calm.matches ? "auto" : "smooth" });
  }

  function failed(error) {
    advice.prepend(el("p", { class: "failure", role: "alert" }, `The demo EHR could not do that: ${error.message}`));
  }

  function markSigned(own) {
    open.signed = [...new Set([...open.signed, ...own])];
    main.querySelector(".orders").replaceWith(orders());
  }

  async function feedback(entry) {
    const body = { feedback: [{ ...entry, outcomeTimestamp: new Date().toISOString() }] };
    return { body, answer: await post(`${SERVICE}/feedback`, body) };
  }

  async function accepted(card, suggestion, own, raw) {
    const drafts = suggestion.actions.filter((action) => action.type === "create").map((action, index) => ({ id: `second-read-${Date.now()}-${index}`, ...action.resource }));
    const told = await feedback({ card: card.uuid, outcome: "accepted", acceptedSuggestions: [{ id: suggestion.uuid }] });
    open.drafts.push(...drafts);
    markSigned(own);
    settled("Accepted", "The order is signed unchanged. This draft stands beside it, for your signature.", drafts.map((draft) => Shown.draft(draft, open.view.names)), told, raw);
  }

  async function overridden(card, reason, comment, own, raw) {
    const coded = { code: reason.code, system: reason.system };
    const told = await feedback({ card: card.uuid, outcome: "overridden", overrideReason: { reason: coded, ...(comment ? { userComment: comment } : {}) } });
    markSigned(own);
    settled("Continued without it", `The order is signed. Reason given: ${reason.display}`, [], told, raw);
  }

  function settled(title, text, drafts, told, raw) {
    const heard = told.answer.ok ? "The service has it on record." : `The service answered ${told.answer.status}.`;
    advice.replaceChildren(
      el("div", { class: "card settled", tabindex: "-1" },
        el("h3", {}, title), el("p", {}, text), ...drafts,
        el("p", { class: "facts heard" }, `Feedback sent. ${heard}`),
        Shown.json("Feedback sent", told.body)),
      raw);
    advice.firstElementChild.focus({ preventScroll: true });
    if (narrow.matches) advice.firstElementChild.scrollIntoView({ block: "start" });
  }

  function showResting() {
    advice.replaceChildren(el("p", { class: "quiet" }, "Sign the order to ask the service. A card appears here, or nothing does."));
  }

  /** Show where a quoted phrase stands in the report, so that the basis can be checked at a glance. */
  function highlight(cards) {
    const quotes = cards.flatMap((card) => [...(card.detail || "").replace(/\\([!-/:-@[-`{-~])/g, "$1").matchAll(/["“]([^"“”]{8,})["”]/g)].map((found) => found[1].replace(/…$/, "").trim()));
    for (const pre of main.querySelectorAll("pre.report")) {
      const text = pre.textContent;
      for (const quote of quotes) {
        const pattern = quote.split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+");
        const at = text.search(new RegExp(pattern, "i"));
        if (at < 0) continue;
        const length = new RegExp(pattern, "i").exec(text)[0].length;
        pre.replaceChildren(text.slice(0, at), el("mark", {}, text.slice(at, at + length)), text.slice(at + length));
        const mark = pre.querySelector("mark");
        pre.scrollTop = Math.max(0, mark.offsetTop - pre.offsetTop - pre.clientHeight / 2);
        return;
      }
    }
  }

  /* --- start ---------------------------------------------------------------------------------------------------- */

  const narrow = matchMedia("(max-width: 60rem)");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const settle = () => { patients.open = !narrow.matches; };
  narrow.addEventListener("change", settle);
  settle();
  $("filter").addEventListener("input", showList);
  get("/demo/charts").then((found) => {
    charts = found;
    const asked = decodeURIComponent(location.hash.slice(1));
    return openChart(charts.some((chart) => chart.id === asked) ? asked : charts[0].id, false);
  }).catch((error) => {
    main.replaceChildren(el("p", { class: "failure", role: "alert" }, `The demo EHR could not start: ${error.message}`));
  });
})();
