// The card of one row: its text, its labels, why it is suspected, and the buttons to decide.

function makeCard(app, review) {
  const { data, rows, transport, chip } = app;
  const card = el("article", { id: "card", class: "card", tabindex: -1, "aria-label": "Row" });
  const quiet = (...words) => el("span", { class: "quiet" }, ...words);

  function place(row, blind) {
    const audit = review.audit();
    return [
      audit &&
        el(
          "p",
          { class: "auditline" },
          el(
            "b",
            {},
            `Audit: ${audit.rows.filter(review.answered).length} of ${audit.rows.length}`,
          ),
          " · which class is it? Labels and suggestions are hidden until you answer ",
          el("button", { type: "button", class: "link", onclick: review.stopAudit }, "Stop"),
        ),
      el(
        "p",
        { class: "where quiet" },
        `Row ${count(row + 1)}`,
        rows.id ? ` · ${shown(rows.id[row])}` : "",
        blind || rows.given[row] < 0 ? "" : ` · rank ${count(rows.rank[row])} of ${count(data.run.labelled)}`,
      ),
    ];
  }
  function text(row) {
    const rest =
      !!rows.cut[row] &&
      (transport.kind === "server"
        ? el(
            "button",
            { type: "button", class: "link", onclick: () => wholeText(row) },
            `all ${count(rows.signs.get(row))} signs`,
          )
        : quiet(`(${count(rows.signs.get(row))} signs in all; the rest is not in this page)`));
    return el(
      "blockquote",
      { class: "text", tabindex: 0, "aria-label": "Text" },
      textOf(rows.text[row] || "(no text)"),
      rest && [" … ", rest],
    );
  }
  async function wholeText(row) {
    try {
      rows.text[row] = (await transport.text(row)).text;
      rows.cut[row] = 0;
    } catch (error) {
      return app.flash(`Not there: ${error.message}.`, true);
    }
    if (review.row() === row) review.draw();
  }
  function verdict(row, blind) {
    const given = rows.given[row],
      suggested = rows.suggested[row],
      p = rows.p[row],
      record = rows.decision.get(row);
    return [
      !blind &&
        el(
          "p",
          { class: "labels" },
          quiet("given "),
          app.labels(given),
          suggested === given ? null : [quiet(" → suggested "), app.labels(suggested, "strong")],
        ),
      !blind && doubted(row),
      !blind &&
        el(
          "p",
          { class: `sure ${p >= 0.5 ? "bad" : ""}` },
          el("b", {}, sure(p)),
          Number.isNaN(p) ? null : el("span", { class: "num" }, ` ${p.toFixed(2)}`),
          rows.trusted[row] ? " · a person vouched for it" : "",
        ),
      record &&
        el(
          "p",
          { class: "decided" },
          `Decided: ${shown(meaning(record))}`,
          record.who ? ` by ${shown(record.who)}` : "",
          record.note ? ` · ${shown(record.note)}` : "",
        ),
    ];
  }
  // Of several labels: which are wrongly there, and which missing.
  function doubted(row) {
    const d = rows.detail[row],
      k = data.detail.n_probs;
    if (!rows.several || d < 0 || rows.given[row] < 0 || rows.decision.has(row)) return null;
    const given = rows.classes(rows.given[row]);
    const all = Array.from({ length: k }, (_, i) => {
      const c = data.detail.prob_class[d * k + i],
        has = given.includes(c),
        p = data.detail.prob[d * k + i] / 1000;
      return { c, has, doubt: has ? 1 - p : p };
    }).sort((a, b) => b.doubt - a.doubt);
    const named = all.filter(({ doubt }, i) => doubt >= 0.5 || (i === 0 && rows.flagged[row] && doubt > 0));
    return (
      named.length > 0 &&
      el(
        "ul",
        { class: "doubted", "aria-label": "Doubted labels" },
        named.map(({ c, has, doubt }) =>
          el(
            "li",
            {},
            chip(c),
            el("span", { class: doubt >= 0.5 ? "bad" : "" }, has ? "wrongly there" : "missing"),
            el("span", { class: "num" }, doubt.toFixed(2)),
          ),
        ),
      )
    );
  }
  function buttons(row, blind) {
    const same = rows.suggested[row] === rows.given[row];
    const button = ([what, hot, name, why]) =>
      !(what === "suggested" && (blind || same)) &&
      !(what === "keep" && (blind || rows.given[row] < 0)) &&
      !(what === "not" && (review.audit() || rows.given[row] < 0)) && // an audit asks which is right
      el(
        "button",
        {
          type: "button",
          class: what === (rows.several ? "take" : "suggested") ? "main" : "",
          title: why,
          "aria-keyshortcuts": hot,
          onclick: () => review.act(what),
        },
        blind && what === "pick" ? "Any class" : name,
        el("kbd", {}, hot),
      );
    const field = el("input", {
      id: "note",
      placeholder: "Note (n)",
      "aria-label": "Note, kept with the decision",
      maxlength: 500,
    });
    field.value = review.note;
    field.addEventListener("input", () => {
      review.note = field.value;
    });
    return [
      el("div", { class: "acts", role: "group", "aria-label": "Decide" }, review.decisions.map(button)),
      el(
        "div",
        {
          class: "nine",
          role: "group",
          "aria-label": rows.several ? "Labels of the row" : "It is this class",
        },
        keyed().map(choice),
      ),
      field,
    ];
  }
  // The classes that have a key, and whatever else is marked.
  const keyed = () => [...new Set([...review.choices(), ...review.marked])];
  const choice = (c, i) =>
    el(
      "button",
      {
        type: "button",
        "data-class": c,
        "aria-keyshortcuts": i < 9 ? i + 1 : null,
        "aria-pressed": rows.several ? String(review.marked.has(c)) : null,
        onclick: () => review.take(c),
      },
      i < 9 && el("kbd", {}, String(i + 1)),
      chip(c),
    );
  function reasons(d) {
    const lines = data.detail.reasons[d].split("\n").filter(Boolean),
      k = data.detail.n_probs,
      given = rows.several ? rows.classes(rows.given[data.detail.row[d]]) : [];
    const bar = (i) => {
      const share = data.detail.prob[d * k + i] / 1000,
        c = data.detail.prob_class[d * k + i],
        fill = el("i");
      fill.style.width = `${100 * share}%`;
      return el(
        "tr",
        {},
        el("th", { scope: "row" }, chip(c, given.includes(c) ? "strong" : "")),
        el("td", { class: "gauge", "aria-hidden": "true" }, fill),
        el("td", { class: "num" }, percent(share)),
      );
    };
    return [
      lines.length > 0 && [
        el("h4", {}, "Why"),
        el(
          "ul",
          { class: "why" },
          lines.map((line) => el("li", {}, textOf(line))),
        ),
      ],
      el("h4", {}, rows.several ? "How probable each label is; those given in bold" : "How probable each class is"),
      el(
        "table",
        { class: "probs" },
        el(
          "tbody",
          {},
          Array.from({ length: k }, (_, i) => bar(i)),
        ),
      ),
    ];
  }
  function nearest(d) {
    const near = [0, 1, 2]
      .map((i) => [data.detail.near[3 * d + i], data.detail.alike[3 * d + i]])
      .filter(([r]) => r >= 0);
    const one = ([r, alike]) =>
      el(
        "li",
        {},
        el(
          "button",
          { type: "button", onclick: () => app.goTo(r) },
          el(
            "span",
            { class: "neartop" },
            app.labels(rows.given[r]),
            el("span", { class: "quiet num" }, `${alike} % alike`),
          ),
          textOf(rows.text[r].slice(0, 180)),
        ),
      );
    return near.length > 0 && [el("h4", {}, "Nearest texts"), el("ul", { class: "near" }, near.map(one))];
  }
  function others(row) {
    const said = rows.annotator.get(row),
      a = data.annotator,
      group = rows.group[row];
    return [
      said !== undefined && [
        el("h4", {}, "What an annotator said"),
        el(
          "p",
          {},
          textOf(a.answer[said]),
          quiet(
            ` · ${shown(a.who[said])}${a.confidence[said] == null ? "" : `, confidence ${a.confidence[said].toFixed(2)}`}`,
          ),
        ),
      ],
      group >= 0 &&
        el(
          "p",
          {},
          `${plural(data.duplicates[group].length, "row")} with (nearly) this text. `,
          el(
            "button",
            {
              type: "button",
              class: "link",
              onclick: () => app.filter({ ...EMPTY, show: "all", duplicates: group }),
            },
            "Show them",
          ),
        ),
    ];
  }
  review.card = card;
  review.draw = () => {
    const row = review.row();
    if (row < 0)
      return card.replaceChildren(
        el("p", { class: "quiet" }, "Choose a row, or press an arrow key in the list."),
      );
    const blind = review.blind(),
      d = rows.detail[row];
    const why =
      d >= 0
        ? () => [reasons(d), nearest(d)]
        : () =>
            el(
              "p",
              { class: "quiet" },
              "Reasons and nearest texts are kept for flagged rows and the most suspicious ones only.",
            );
    const parts = [
      place(row, blind),
      text(row),
      verdict(row, blind),
      buttons(row, blind),
      blind ? null : [why(), others(row)],
    ];
    card.replaceChildren(...parts.flat(Infinity).filter(Boolean));
    card.scrollTop = 0;
  };
}
