/* One decision as each client shows it. The buttons do nothing here: this page is for looking. */
"use strict";

(async () => {
  const main = document.getElementById("clients");
  const chart = decodeURIComponent(location.hash.slice(1)) || "lumbar-fusion-moderate";
  document.getElementById("back").href += `#${encodeURIComponent(chart)}`;
  const idle = { accept: () => {}, override: () => {} };

  function column({ name, title, card, lost }) {
    return el("section", { class: `client ${name}`, "aria-labelledby": `client-${name}` },
      el("h2", { id: `client-${name}` }, title),
      Shown.card(card, idle),
      el("h3", {}, lost.length ? "What is lost here" : "Nothing is lost here"),
      lost.length ? el("ul", { class: "lost" }, ...lost.map((each) => el("li", {}, each))) : null,
      Shown.json("The card as JSON", card));
  }

  try {
    const answer = await fetch(`/demo/charts/${encodeURIComponent(chart)}/clients`, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`the chart answered ${answer.status}`);
    const { patient, cards } = await answer.json();
    document.getElementById("whose").textContent = patient;
    main.replaceChildren(...(cards.length ? cards.map(column) : [el("p", { class: "quiet" }, "This order is answered with silence, in every EHR alike.")]));
  } catch (error) {
    main.replaceChildren(el("p", { class: "failure", role: "alert" }, `The cards could not be made: ${error.message}`));
  }
})();
