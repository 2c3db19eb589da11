// Deciding: the keys, what follows a decision, the audit, undo.

const DECISIONS = [
  ["keep", "k", "Keep", "the given label is right"],
  ["suggested", "s", "Suggested", "the suggested label is right"],
  ["pick", "/", "Another class", "search any class"],
  ["not", "x", "Not this", "the given label is wrong, whichever is right"],
  ["unsure", "u", "Unsure", "cannot say"],
  ["drop", "d", "Drop", "the row belongs to no class"],
];
// Where a row may have several labels, they are marked one by one, and then taken together.
const SEVERAL = [
  ...DECISIONS.slice(0, 2).map(([what, key, name, why]) => [what, key, name, why.replace("label is", "labels are")]),
  ["take", "t", "These labels", "the labels that are marked are right"],
  ["pick", "/", "Another label", "search a label, and mark it or not"],
  ...DECISIONS.filter(([what]) => what === "unsure" || what === "drop"),
];
const LEASE_MS = 45000; // a server holds a row for 60 s

const meaning = (record) =>
  ({ keep: "kept", class: `now ${record.label || "none of the labels"}`, drop: "dropped", unsure: "unsure", not: `not ${record.label ?? "this label"}` })[record.decision] ||
  record.decision;

function makeReview(app) {
  const { data, rows, transport, view } = app,
    names = data.classes.name;
  const bySize = names.map((_, i) => i).sort((a, b) => data.classes.rows[b] - data.classes.rows[a]);
  const unsure = new Set(data.audit.unsure); // said in an earlier audit; they are not asked again
  let row = NONE,
    audit = null,
    lease = 0;
  const me = () => kept("who") || transport.who;
  const keyOf = (i) =>
    rows.cut[i]
      ? rows.cutKey(i)
      : sha256(new TextEncoder().encode(`${rows.text[i]}\0${rows.spell(rows.classes(rows.given[i]))}`));

  const review = {
    note: "",
    marked: new Set(), // where a row may have several labels: those to take
    decisions: rows.several ? SEVERAL : DECISIONS,
    row: () => row,
    audit: () => audit,
    blind: () => !!audit && !rows.decision.has(row),
    answered: (i) => rows.decision.has(i) || unsure.has(i),
    nameOf: (i) => (rows.id ? rows.id[i] : String(i + 1)),
  };

  review.choices = () => {
    // the classes of the keys 1 to 9: always the same where nine are enough
    if (names.length <= 9) return names.map((_, i) => i);
    if (audit || rows.detail[row] < 0) return bySize.slice(0, 9);
    const d = rows.detail[row],
      k = data.detail.n_probs,
      likely = data.detail.prob_class.slice(d * k, d * k + k);
    return [...new Set([...likely, ...bySize])].slice(0, 9);
  };

  async function decide(decision, label = null, chosen = false) {
    if (row < 0) return;
    if (decision === "keep" && review.blind() && !chosen) return;
    if (decision === "not" && audit) return; // an audit asks which label is right
    if ((decision === "keep" || decision === "not") && rows.given[row] < 0)
      return app.flash("This row has no label to keep or to rule out. Choose a class.", true);
    const done = row,
      place = app.list.at();
    const record = {
      key: transport.kind === "server" ? "" : keyOf(row),
      id: review.nameOf(row),
      decision,
      label,
      who: me(),
      when: new Date().toISOString().replace("Z", "+00:00"),
      note: review.note,
      is_random: !!audit && audit.random.has(row),
    };
    review.note = "";
    rows.decision.set(done, record);
    const given = rows.words(rows.given[done]);
    const told = audit
      ? ` It was given ${given}; noisefix says ${sure(rows.p[done])}${rows.suggested[done] !== rows.given[done] ? `, suggests ${rows.words(rows.suggested[done])}` : ""}.`
      : "";
    app.flash(`Row ${review.nameOf(done)}: ${meaning(record)}.${told}`);
    next(done, place);
    await send(() => transport.decide(record, done));
  }
  async function undo() {
    const last = (await send(() => transport.undo(me())))?.undone;
    if (!last) return app.flash("Nothing to undo.");
    const back = rows.find(last);
    rows.decision.delete(back);
    
    app.changed();
    app.flash(`Row ${last.id}: undone.`);
    review.show(back);
  }
  async function send(call) {
    try {
      const answer = await call();
      if (answer.warning) app.flash(answer.warning, true);
      return answer;
    } catch (error) {
      app.flash(`Not done: ${error.message}.`, true);
      return {};
    }
  }
  function next(done, place) {
    if (audit) {
      const open = audit.rows.find((i) => !review.answered(i));
      app.changed();
      return open === undefined ? finish() : review.show(open);
    }
    const before = view.rows,
      from = before[place] === done ? place : Math.max(0, before.indexOf(done));
    const follow = Array.from(before.subarray(from + 1))
      .concat(Array.from(before.subarray(0, from + 1)))
      .find((i) => !rows.decision.has(i) && !rows.taken.has(i));
    app.changed();
    if (follow === undefined) {
      app.flash("Every row of this view is decided.");
      review.show(done);
    } else review.show(follow, true);
  }
  review.show = (i, came) => {
    row = i;
    review.note = "";
    review.marked = new Set(i < 0 ? [] : standing(i));
    const at = view.rows.indexOf(i);
    if (at >= 0) app.list.go(at, true);
    else {
      app.list.forget();
      app.list.paint();
    }
    if (app.map) app.map.mark(audit ? NONE : i);
    review.draw();
    clearTimeout(lease);
    if (transport.kind === "server" && row >= 0 && !rows.decision.has(row)) hold(came);
  };
  async function hold(came) {
    // others are sent past this row while we look at it
    const mine = row;
    let taken = "";
    try {
      taken = (await transport.next(me(), mine)).taken;
    } catch {
      /* the next decision says that there is no server */
    }
    if (row !== mine) return;
    if (taken) {
      rows.taken.add(mine);
      setTimeout(() => rows.taken.delete(mine), 60000);
      if (came && !audit) return next(mine, app.list.at());
      app.flash(`${taken} is at this row now.`, true);
    }
    lease = setTimeout(() => {
      if (row === mine && document.visibilityState === "visible") hold(false);
    }, LEASE_MS);
  }

  review.startAudit = () => {
    const drawn = data.audit.rows;
    audit = {
      rows: drawn,
      random: new Set(drawn.filter((_, i) => data.audit.stratum[i] === 0)), // not flagged, not disputed
    };
    document.body.classList.add("auditing");
    const open = drawn.find((i) => !review.answered(i));
    $("rows").scrollIntoView({ block: "start" });
    if (open === undefined) finish();
    else {
      review.show(open);
      review.card.focus({ preventScroll: true });
    }
    say(`Audit of ${plural(drawn.length, "row")}. Labels and suggestions are hidden until you have answered.`);
  };
  review.stopAudit = () => {
    audit = null;
    document.body.classList.remove("auditing");
    app.changed();
    if (row < 0 && view.rows.length) review.show(view.rows[0]);
    else review.draw();
  };
  async function finish() {
    row = NONE;
    const told = el("div", {});
    review.card.replaceChildren(
      el("h3", {}, "The audit is done"),
      told,
      el(
        "div",
        { class: "acts" },
        el("button", { type: "button", class: "main", onclick: review.stopAudit }, "Back to the rows"),
      ),
    );
    review.card.focus({ preventScroll: true });
    if (transport.kind === "file") return told.append(...counted());
    const answer = await send(() => transport.audit());
    if (!answer.said) return;
    data.audit.said = answer.said;
    app.measured();
    told.append(auditSaid(data.audit));
  }
  // A file only counts what was seen: the intervals need the command's own arithmetic.
  function counted() {
    const line = (name, isFlagged) => {
      const seen = audit.rows
          .filter((_, i) => !!(data.audit.stratum[i] % 2) === isFlagged)
          .map((i) => rows.decision.get(i))
          .filter((record) => record && record.decision !== "unsure"),
        wrong = seen.filter((record) => record.decision !== "keep").length;
      return seen.length ? el("li", {}, `${name}: ${count(wrong)} of ${count(seen.length)} are wrong.`) : null;
    };
    return [
      el("ul", {}, [line("Flagged rows", true), line("Rows not flagged", false)].filter(Boolean)),
      el("p", {}, "What this says of all rows, with intervals, a command tells. Export the decisions, then run:"),
      el("pre", { tabindex: 0 }, `${shown(data.audit.command)} --decisions decisions.jsonl`),
    ];
  }

  const standing = (i) => {
    const record = rows.decision.get(i);
    return record?.decision === "class" ? rows.parse(record.label) : rows.classes(rows.given[i]);
  };
  const decideOn = (classes) => {
    const chosen = rows.spell(classes);
    return rows.given[row] >= 0 && chosen === rows.spell(rows.classes(rows.given[row]))
      ? decide("keep", null, true)
      : decide("class", chosen);
  };
  review.take = (c) => {
    if (!rows.several) return decideOn([c]);
    if (!review.marked.delete(c)) review.marked.add(c);
    const focused = document.activeElement?.dataset.class;
    review.draw();
    if (focused) review.card.querySelector(`[data-class="${focused}"]`)?.focus();
  };
  review.act = (what) => {
    if (row < 0) return;
    if (what === "suggested") {
      if (!review.blind() && rows.suggested[row] >= 0) decideOn(rows.classes(rows.suggested[row]));
    } else if (what === "take") decideOn([...review.marked].sort((a, b) => a - b));
    else if (what === "not" && audit) return;
    else if (what === "pick") pick();
    else decide(what);
  };
  function pick() {
    const field = el("input", {
      type: "search",
      "aria-label": "Search a class",
      placeholder: "Search a class, Enter takes the first",
      autocomplete: "off",
    });
    const found = el("ul", { class: "found" }),
      title = el("h2", { id: "picktitle" }, rows.several ? "Which label?" : "Which class is it?");
    const box = el("dialog", { class: "pick", "aria-labelledby": "picktitle" }, title, field, found);
    const fill = () => {
      const wanted = field.value.trim().toLowerCase();
      found.replaceChildren(
        ...bySize
          .filter((c) => names[c].toLowerCase().includes(wanted))
          .slice(0, 60)
          .map((c) =>
            el(
              "li",
              {},
              el(
                "button",
                {
                  type: "button",
                  onclick: () => {
                    box.close();
                    review.take(c);
                  },
                },
                app.chip(c),
              ),
            ),
          ),
      );
    };
    field.addEventListener("input", fill);
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        found.querySelector("button")?.click();
      }
    });
    openDialog(box);
    fill();
  }
  document.addEventListener("keydown", (event) => {
    const at = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (at.matches("input, select, textarea")) {
      if (event.key === "Escape" || (at.id === "note" && event.key === "Enter")) {
        at.blur();
        review.card.focus({ preventScroll: true });
      }
      return;
    }
    const what = review.decisions.find(([, hot]) => hot === event.key);
    if (what) review.act(what[0]);
    else if (/^[1-9]$/.test(event.key) && row >= 0) {
      const c = review.choices()[event.key - 1];
      if (c === undefined) return;
      review.take(c);
    } else if (event.key === "z") undo();
    else if (event.key === "n") $("note")?.focus();
    else if (event.key === "?") app.help();
    else return;
    event.preventDefault();
  });
  makeCard(app, review);
  return review;
}
