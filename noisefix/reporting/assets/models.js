// Which of several models wins, by given and by corrected labels.

const signed = (v) => `${v < 0 ? "−" : "+"}${Math.abs(100 * v).toFixed(1)}`;
const tenths = (v) => (v === null ? "–" : `${(100 * v).toFixed(1)} %`);
const withEnds = ([v, low, high]) =>
  v === null ? "–" : [tenths(v), " ", el("span", { class: "quiet" }, low === null ? "" : range(low, high))];
const leadEnds = ([v, low, high]) => [
  signed(v),
  " ",
  el("span", { class: "quiet" }, `${signed(low)} to ${signed(high)}`),
];
const numCells = (cells) => cells.map((c) => el("td", { class: "num" }, c));
const modelRow = (name, cells) =>
  el("tr", {}, el("th", { scope: "row" }, textOf(name)), numCells(cells));

function modelsVerdict(m) {
  const [given, corrected] = m.best.map((names) => names.map(shown).join(" and "));
  if (m.models.length === 1) return "One model alone: there is no ranking to change.";
  const change = `The best model changes with probability ${m.p_winner_changes.toFixed(2)}.`;
  return given === corrected
    ? `${given} is best by given and by corrected labels. ${change}`
    : `${given} is best by given labels, ${corrected} by corrected ones. ${change}`;
}

function modelsPart(m) {
  const out = Object.entries(m.left_out).map(([why, n]) => `; left out: ${count(n)} (${why})`);
  const steps = m.sweep.filter((_, i) => m.sweep.length < 7 || i % 2 === 0);
  return [
    el("p", {}, el("strong", {}, modelsVerdict(m))),
    el(
      "p",
      { class: "quiet" },
      shown(
        `${plural(m.rows, "row")}; right labels: ${m.source}${out.join("")}. Wrong given labels: ` +
          `${m.is_posterior ? "about " : ""}${count(Math.round(m.wrong))} (${tenths(m.error_share)}). ` +
          `Kendall's tau of the two rankings: ${m.tau === null ? "–" : m.tau.toFixed(2)}. Intervals are 90 %.`,
      ),
    ),
    m.warnings.map((text) => el("p", { class: "quiet" }, textOf(text))),
    table(
      "Models",
      ["Model", "Given labels", "Rank", "Corrected", "Rank", "Best with probability", "Wrong rows: right", "Wrong rows: repeated"],
      m.models.map((x) =>
        modelRow(x.name, [
          tenths(x.given[0]),
          count(x.rank[0]),
          withEnds(x.corrected),
          count(x.rank[1]),
          x.p_best.toFixed(2),
          withEnds(x.on_wrong),
          withEnds(x.memorised),
        ]),
      ),
    ),
    steps.length > 1
      ? [
          el("h3", {}, "If more of the labels were wrong: accuracy on corrected labels"),
          table(
            "Accuracy by share of wrong labels",
            ["Model", ...steps.map(([share]) => `${tenths(share)} wrong`)],
            m.models.map((x, k) => modelRow(x.name, steps.map(([, values]) => tenths(values[k])))),
          ),
        ]
      : null,
    m.pairs.length
      ? [
          el("h3", {}, "Which order may flip"),
          table(
            "Pairs of models",
            ["Better by given labels", "Than", "Ahead: given", "Ahead: corrected", "Order flips", "Equal where"],
            m.pairs.map((x) =>
              modelRow(x.one, [
                textOf(x.other),
                leadEnds(x.given),
                leadEnds(x.corrected),
                x.p_flip.toFixed(2),
                x.crosses_at === null ? "–" : `${tenths(x.crosses_at)} wrong`,
              ]),
            ),
          ),
        ]
      : null,
  ];
}
