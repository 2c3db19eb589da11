// What the page says of all rows together, from the top to the bottom.

const section = (id, title, ...children) =>
  el("section", { id, "aria-labelledby": `${id}-h` }, el("h2", { id: `${id}-h` }, title), children);
const table = (caption, head, body, cls = "") =>
  el(
    "div",
    { class: "wide" },
    el(
      "table",
      { class: cls },
      el("caption", { class: "unseen" }, caption),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          head.map((h) => el("th", { scope: "col" }, h)),
        ),
      ),
      el("tbody", {}, body),
    ),
  );
const pairs = (list) =>
  el(
    "dl",
    {},
    list.map(([name, value]) => [el("dt", {}, shown(String(name))), el("dd", {}, textOf(String(value)))]),
  );

function verdictPart(data, onaudit) {
  const { rate, low, high, interval } = data.noise,
    audit = data.audit,
    what = data.rows.sets ? "Rows with a wrong or missing label" : "Wrong labels",
    end = [0.04, 0.08, 0.12, 0.2, 0.4, 0.6, 0.8].find((v) => v >= high * 1.15) || 1,
    at = (v) => `${(100 * v) / end}%`;
  const band = el("i", { class: "band" }),
    point = el("i", { class: "point" }),
    bar = el(
      "div",
      {
        class: "rate",
        role: "img",
        "aria-label": `${what}: about ${percent(rate)}, ${percent(interval)} interval ${range(low, high)}`,
      },
      band,
      point,
    );
  band.style.left = at(low);
  band.style.width = at(high - low);
  point.style.left = at(rate);
  const ticks = el(
    "div",
    { class: "ticks", "aria-hidden": "true" },
    [0, 1, 2, 3, 4].map((i) => {
      const t = el("span", {}, percent((end * i) / 4));
      t.style.left = `${25 * i}%`;
      return t;
    }),
  );
  return [
    el(
      "p",
      { class: `level ${data.verdict.level}` },
      { clean: "Looks clean", some: "Some noise", many: "Noisy" }[data.verdict.level],
    ),
    el("h1", { id: "verdict-h" }, data.verdict.sentence),
    el("p", { class: "lead" }, data.verdict.detail),
    el(
      "div",
      { class: "ratebox" },
      bar,
      ticks,
      el(
        "p",
        { class: "quiet" },
        `${what}: ${percent(rate)}; ${percent(interval)} interval ${range(low, high)}.`,
      ),
    ),
    el(
      "p",
      { class: "narrow" },
      audit.rows.length
        ? [
            `To measure it: mark a sample of ${plural(audit.rows.length, "row")}, about ${plural(audit.minutes, "minute")}. `,
            el(
              "button",
              { type: "button", class: "main", id: "audit", onclick: onaudit },
              `Audit ${plural(audit.rows.length, "row")}`,
            ),
          ]
        : `No audit: ${shown(audit.why)}.`,
    ),
  ];
}

function classPart(data, app) {
  const c = data.classes,
    most = Math.max(...c.high, 0.01);
  const heads = c.lacking
    ? ["Label", "Rows", "Given", "Estimated", "Seem wrong", "Seem missing", "Wrong, with interval", "Expected missing", ""]
    : ["Class", "Rows", "Given", "Estimated", "Flagged", "Wrong, with interval", ""];
  return table(
    c.lacking ? "Labels" : "Classes",
    heads,
    c.name.map((name, i) => {
      const band = el("i", { class: "band" }),
        point = el("i", { class: "point" });
      band.style.left = `${(100 * c.low[i]) / most}%`;
      band.style.width = `${(100 * (c.high[i] - c.low[i])) / most}%`;
      point.style.left = `${(100 * c.wrong[i]) / most}%`;
      return el(
        "tr",
        {},
        el(
          "th",
          { scope: "row" },
          el(
            "button",
            {
              type: "button",
              class: "plain",
              title: "Show its rows",
              onclick: () => app.filter({ ...EMPTY, given: String(i) }),
            },
            app.chip(i),
          ),
        ),
        [
          count(c.rows[i]),
          percent(c.given[i]),
          percent(c.estimated[i]),
          count(c.flagged[i]),
          ...(c.lacking ? [count(c.lacking[i])] : []),
        ].map((v) => el("td", { class: "num" }, v)),
        el(
          "td",
          { class: "num" },
          `${percent(c.wrong[i])}, `,
          el("span", { class: "quiet" }, range(c.low[i], c.high[i])),
        ),
        c.missing && el("td", { class: "num" }, `about ${count(Math.round(c.missing[i]))}`),
        el("td", { class: "mini", "aria-hidden": "true" }, el("div", {}, band, point)),
      );
    }),
    "classes",
  );
}

function confusionPart(data, app) {
  const f = data.confusions,
    names = data.classes.name,
    cells = new Map(),
    weight = new Map();
  f.given.forEach((g, i) => {
    const s = f.suggested[i];
    cells.set(`${g} ${s}`, i);
    for (const c of [g, s])
      weight.set(c, (weight.get(c) || 0) + (g === s ? 0 : f.expected[i] + f.flagged[i]));
  });
  const order = [...weight.keys()]
      .sort((a, b) => weight.get(b) - weight.get(a))
      .slice(0, 20)
      .sort((a, b) => a - b),
    most = Math.max(
      1,
      ...f.flagged.map((n, i) => (f.given[i] === f.suggested[i] ? 0 : Math.max(n, f.expected[i]))),
    );
  const node = table(
    "Flagged rows by given and suggested label",
    [
      el("span", { class: "quiet" }, "given ↓ suggested →"),
      ...order.map((c) => el("span", { class: "turn" }, textOf(names[c]))),
    ],
    order.map((g) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, textOf(names[g])),
        order.map((s) => {
          const i = cells.get(`${g} ${s}`),
            n = i === undefined ? 0 : f.flagged[i];
          if (i === undefined) return el("td", { class: g === s ? "same" : "" }, "");
          const b = el(
            "button",
            {
              type: "button",
              "aria-label": `${names[g]}, suggested ${names[s]}: ${plural(n, "flagged row")}`,
              title:
                g === s
                  ? `${names[g]}: ${n} flagged, no other class is more probable`
                  : `${names[g]} → ${names[s]}: ${n} flagged, about ${f.expected[i].toFixed(0)} expected in all`,
              onclick: () =>
                app.filter({ ...EMPTY, given: String(g), suggested: String(s), show: n ? "flagged" : "all" }),
            },
            n ? count(n) : "·",
          );
          b.style.setProperty(
            "--heat",
            `${Math.round(10 + 90 * Math.sqrt(Math.max(n, f.expected[i]) / most))}%`,
          );
          return el("td", { class: g === s ? "same" : "hot" }, b);
        }),
      ),
    ),
    "heat",
  );
  return [
    node,
    weight.size > 20
      ? el("p", { class: "quiet" }, `The 20 most confused of ${count(weight.size)} classes.`)
      : null,
  ];
}

const auditSaid = (audit) =>
  el(
    "ul",
    { class: "said" },
    audit.said.map((line) => el("li", {}, line)),
  );

function trustPart(data) {
  const t = data.trust,
    out = [];
  if (data.audit.said.length) out.push(el("h3", {}, "Measured by an audit"), auditSaid(data.audit));
  if (t.calibration)
    out.push(
      el("h3", {}, "Calibration on verified rows"),
      table(
        "Calibration",
        ["Said", "Rows", "Found wrong", "Interval"],
        t.calibration.map((b) =>
          el(
            "tr",
            {},
            el("td", { class: "num" }, range(b.from, b.to)),
            el("td", { class: "num" }, count(b.rows)),
            el("td", { class: "num" }, percent(b.wrong)),
            el("td", { class: "num" }, range(b.low, b.high)),
          ),
        ),
      ),
    );
  else if (!data.audit.said.length)
    out.push(
      el(
        "p",
        {},
        `No row has been verified yet, so nobody knows how well these probabilities fit your data. ${data.audit.rows.length ? "The audit above finds out." : "Decide on some, and this says how often they were right."}`,
      ),
    );
  if (t.ledger)
    out.push(
      el("h3", {}, "Changes so far"),
      t.ledger.total > t.ledger.id.length
        ? el("p", { class: "quiet" }, `The last ${count(t.ledger.id.length)} of ${count(t.ledger.total)}.`)
        : null,
      table(
        "Changes",
        ["Row", "Before", "After", "Action", "When"],
        t.ledger.id.map((id, i) =>
          el(
            "tr",
            {},
            [id, t.ledger.old[i], t.ledger.new[i], t.ledger.action[i], t.ledger.decided_at[i]].map((v) =>
              el("td", {}, textOf(v ?? "")),
            ),
          ),
        ),
      ),
    );
  out.push(el("h3", {}, "How to repeat it"), el("pre", { tabindex: 0 }, t.repeat.map(shown).join("\n")));
  out.push(
    el("details", {}, el("summary", {}, "Parameters"), pairs(t.parameters)),
    el("details", {}, el("summary", {}, "Digests (SHA-256)"), pairs(t.digests)),
  );
  return out;
}

function peoplePart(p) {
  const said = (word, label) => meaning({ decision: word, label });
  return [
    table(
      "Who decided",
      ["Who", "Rows"],
      p.who.map((name, i) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, textOf(name || "no name")),
          el("td", { class: "num" }, count(p.rows[i])),
        ),
      ),
    ),
    p.pairs.length
      ? [
          el("h3", {}, "Agreement"),
          table(
            "Agreement",
            ["Two people", "Rows of both", "Agree", "Kappa"],
            p.pairs.map(([a, b, n, share, kappa]) =>
              el(
                "tr",
                {},
                el("th", { scope: "row" }, textOf(`${a || "no name"} and ${b || "no name"}`)),
                el("td", { class: "num" }, count(n)),
                el("td", { class: "num" }, percent(share)),
                el("td", { class: "num" }, kappa === null ? "–" : kappa.toFixed(2)),
              ),
            ),
          ),
        ]
      : null,
    p.conflicts.length
      ? [
          el("h3", {}, "They differ; the newest word counts"),
          el(
            "ul",
            {},
            p.conflicts.map((c) =>
              el(
                "li",
                {},
                textOf(
                  `${c.id}: ${c.words.map(([who, word, label]) => `${who || "no name"}: ${said(word, label)}`).join("; ")}`,
                ),
              ),
            ),
          ),
        ]
      : null,
  ];
}

function openDialog(box) {
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
}

function keysBox(decisions, several) {
  const all = [
    ...decisions.map(([, k, n, w]) => [k, `${n}: ${w}`]),
    ["1 – 9", several ? "mark this label, or not" : "this class"],
    ["n", "write a note for the decision"],
    ["z", "undo the last decision"],
    ["↑ ↓", "move in the list"],
    ["?", "this help"],
    ["Esc", "leave a field or this help"],
  ];
  const box = el(
    "dialog",
    { "aria-labelledby": "keys-h" },
    el("h2", { id: "keys-h" }, "Keys"),
    el(
      "table",
      { class: "keys" },
      el(
        "tbody",
        {},
        all.map(([k, w]) => el("tr", {}, el("th", { scope: "row" }, el("kbd", {}, k)), el("td", {}, w))),
      ),
    ),
    el("form", { method: "dialog" }, el("button", { class: "main" }, "Close")),
  );
  box.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    box.close();
  });
  openDialog(box);
}

// Sections that only some runs have: sentences and tables, whose columns say what their cells are.
function extraPart(part, app) {
  const cell = {
    text: (v) => textOf(v),
    count: (v) => count(v),
    share: (v) => percent(v),
    number: (v) => v.toFixed(2),
    interval: ([low, high]) => range(low, high),
    row: (v) =>
      el("button", { type: "button", class: "link", onclick: () => app.goTo(v) }, shown(app.review.nameOf(v))),
  };
  return section(
    part.id,
    part.title,
    part.said.map((line) => el("p", {}, textOf(line))),
    part.tables.map((t) => [
      el("h3", {}, textOf(t.title)),
      table(
        shown(t.title),
        t.columns.map(([name]) => name),
        t.rows.map((row) =>
          el(
            "tr",
            {},
            row.map((value, i) => {
              const kind = t.columns[i][1];
              return el(
                "td",
                { class: kind === "text" || kind === "row" ? "" : "num" },
                value === null ? "–" : cell[kind](value),
              );
            }),
          ),
        ),
        "extra",
      ),
    ]),
  );
}
