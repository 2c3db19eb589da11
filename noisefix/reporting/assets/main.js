// The page: what ties its parts together.

async function start() {
  const begin = performance.now(),
    block = await unpack($("data").textContent.trim());
  const app = { flash: () => {} };
  const transport =
      block.transport === "server"
        ? serverTransport(block, (words) => app.flash(words, true))
        : fileTransport(block),
    data = await transport.load();
  $("data").remove();
  const rows = rowsOf(data),
    view = makeView(data, rows),
    names = data.classes.name;
  Object.assign(app, {
    data,
    rows,
    view,
    transport,
    colours: classColours(data.classes),
    map: null,
    help: () => keysBox(app.review.decisions, rows.several),
  });
  const dot = (c) => {
    const node = el("i", { class: "dot", "aria-hidden": "true" });
    node.style.background = c < 0 ? "transparent" : app.colours[c];
    return node;
  };
  app.chip = (c, cls = "") =>
    el("span", { class: `chip ${cls}` }, dot(c), textOf(c < 0 ? "no label" : names[c]));
  app.labels = (set, cls = "") => {
    // the labels of a row
    const classes = rows.classes(set);
    if (set < 0) return app.chip(NONE, cls);
    return classes.length
      ? el("span", { class: "set" }, classes.map((c) => app.chip(c, cls)))
      : el("span", { class: "quiet" }, rows.words(set));
  };
  const byId = rows.id ? new Map(rows.id.map((id, i) => [id, i])) : null;
  rows.find = (record) => record.row ?? (byId ? byId.get(record.id) : record.id - 1);
  for (const record of data.decisions || []) {
    const i = rows.find(record);
    if (i !== undefined && rows.text[i] !== undefined) rows.decision.set(i, record);
  }
  let timer = 0,
    settle = 0;
  const note = el("p", { class: "flash", "aria-hidden": "true", hidden: true });
  app.flash = (words, bad) => {
    note.textContent = shown(words);
    note.hidden = false;
    note.classList.toggle("bad", !!bad);
    say(shown(words));
    clearTimeout(timer);
    timer = setTimeout(
      () => {
        note.hidden = true;
      },
      bad ? 9000 : 3500,
    );
  };
  document.body.classList.toggle("several", rows.several);
  app.review = makeReview(app);

  const option = (value, name) => el("option", { value }, name);
  const select = (name, label, options) => {
    const s = el(
      "select",
      { name, "aria-label": label },
      options.map(([v, n]) => option(v, n)),
    );
    s.addEventListener("change", () => app.filter({ ...view.filter, [name]: s.value }));
    return s;
  };
  const classes = (all) => [["", all], ...names.map((n, i) => [String(i), shown(n)])];
  const tabs = el(
    "div",
    { class: "tabs", role: "group", "aria-label": "Which rows" },
    [
      ["flagged", "Flagged"],
      ["open", "To do"],
      ["decided", "Decided"],
      ["all", "All"],
    ].map(([v, n]) =>
      el(
        "button",
        { type: "button", "data-show": v, onclick: () => app.filter({ ...view.filter, show: v }) },
        n,
      ),
    ),
  );
  const search = el("input", {
    type: "search",
    id: "search",
    placeholder: "Search the texts",
    "aria-label": "Search the texts",
    autocomplete: "off",
    spellcheck: "false",
  });
  search.addEventListener("focus", view.warm);
  search.addEventListener("input", () => app.filter({ ...view.filter, search: search.value }, true));
  const twin = el("input", { type: "checkbox", id: "twins" });
  twin.addEventListener("change", () => app.filter({ ...view.filter, duplicates: twin.checked }));
  const fields = [
    select("given", "Given label", classes("any given label")),
    select("suggested", "Suggested label", classes("any suggestion")),
    select("kind", "Reason", [["", "any reason"], ...data.kinds.map((k, i) => [String(i), k])]),
    select("sure", "How sure", [
      ["", "however sure"],
      ["sure", "almost surely wrong"],
      ["probably", "probably wrong"],
      ["maybe", "maybe wrong"],
      ["right", "looks right"],
    ]),
  ];
  const clear = el(
      "button",
      { type: "button", id: "clear", onclick: () => app.filter({ ...EMPTY, show: view.filter.show }) },
      "Clear",
    ),
    tally = el("p", { class: "tally quiet", id: "tally" });

  const columns = [
    ["p", "Wrong?"],
    ["text", "Text"],
    ["given", "Given"],
    ["suggested", "Suggested"],
    ["decision", "Decided"],
    ["row", "Row"],
  ];
  const drawRow = (i) => {
    const p = rows.p[i],
      record = rows.decision.get(i);
    return [
      el(
        "span",
        { class: `pp ${p >= 0.5 ? "bad" : ""}` },
        el("span", { class: "num" }, Number.isNaN(p) ? "–" : p.toFixed(2)),
        el("span", { class: "word" }, Number.isNaN(p) ? "no label" : sure(p).replace(" wrong", "")),
      ),
      textOf(rows.text[i].slice(0, 260)),
      app.labels(rows.given[i]),
      rows.suggested[i] === rows.given[i]
        ? el("span", { class: "quiet" }, "same")
        : app.labels(rows.suggested[i]),
      record ? shown(meaning(record)) : "",
      el("span", { class: "quiet num" }, rows.id ? shown(rows.id[i].slice(0, 24)) : count(i + 1)),
    ];
  };
  app.list = makeList(
    columns,
    view,
    drawRow,
    (i) => app.review.show(i),
    (key) => {
      if (view.sort === key || (key === "p" && view.sort === "rank")) view.down = !view.down;
      else view.down = false;
      view.sort = key === "p" && !view.down ? "rank" : key;
      app.changed();
    },
  );
  app.list.node.id = "list";

  app.changed = () => {
    view.apply();
    app.list.later();
    const f = view.filter,
      narrowed = f.given || f.suggested || f.kind || f.sure || f.duplicates !== false || f.search || f.lasso;
    const decided = rows.decision.size;
    tally.textContent = `${plural(view.rows.length, "row")} of ${count(rows.n)}${f.lasso ? ", within the loop on the map" : ""}`;
    $("progress").textContent = `${count(decided)} decided`;
    $("export").disabled = !decided;
    clear.hidden = !narrowed;
    tabs
      .querySelectorAll("button")
      .forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.show === f.show)));
    fields.forEach((s) => {
      s.value = f[s.name];
    });
    twin.checked = f.duplicates !== false;
    if (document.activeElement !== search) search.value = f.search;
    if (app.map) {
      if (narrowed || f.show === "decided") app.map.show(view.rows);
      else app.map.show(rows.order);
    }
  };
  app.filter = (f, stay) => {
    Object.assign(view.filter, f);
    app.list.node.scrollTop = 0;
    app.changed();
    clearTimeout(settle);
    settle = setTimeout(
      () => {
        // not at each key of a search
        say(tally.textContent);
        if (view.rows.length && !view.rows.includes(app.review.row())) app.review.show(view.rows[0]);
      },
      stay ? 200 : 0,
    );
    if (!stay && f.show && $("rows").getBoundingClientRect().top > innerHeight * 0.75)
      $("rows").scrollIntoView({ block: "start" });
  };
  app.goTo = (i) => {
    if (!view.rows.includes(i)) {
      Object.assign(view.filter, { ...EMPTY, show: rows.flagged[i] ? "flagged" : "all" });
      app.changed();
    }
    app.review.show(i);
  };
  app.update = (now) => {
    // all that is said of the rows, judged anew by the server
    rows.p.set(Float32Array.from(uint16(now.p), (v) => (v === 65535 ? NaN : v / 10000)));
    labelsOf(rows, names, now.sets);
    rows.suggested.set(now.suggested);
    rows.flagged.set(bitset(now.flagged, rows.n));
    rows.trusted.set(bitset(now.trusted, rows.n));
    rank(rows, now.order);
    for (const part of ["verdict", "noise", "classes", "confusions"]) data[part] = now[part];
    view.stale();
    sections();
    app.changed();
    if (app.review.row() >= 0 && document.activeElement.id !== "note") app.review.draw();
  };
  if (transport.kind === "server") listen(app, rows);
  const verdict = el("section", { id: "verdict", "aria-labelledby": "verdict-h" }),
    trust = el("div"),
    classBox = el("div"),
    confusionBox = el("div");
  function sections() {
    verdict.replaceChildren(...verdictPart(data, () => app.review.startAudit()));
    classBox.replaceChildren(classPart(data, app));
    if (data.confusions) confusionBox.replaceChildren(...confusionPart(data, app).filter(Boolean));
  }
  app.measured = () => trust.replaceChildren(...trustPart(data).filter(Boolean));
  app.measured();
  sections();
  app.map = data.map
    ? makeMap(
        uint16(data.map.xy),
        rows,
        rows.sets.map((set) => (set.length ? app.colours[rarest(set, data.classes.rows)] : GREY)),
        (i) => rows.words(rows.given[i]) + (rows.flagged[i] ? ` → ${rows.words(rows.suggested[i])}` : ""),
        (inside) => app.filter({ ...view.filter, show: "all", lasso: inside }),
        (i) => app.goTo(i),
      )
    : null;
  const legend = el(
    "ul",
    { class: "legend" },
    names
      .map((_, i) => i)
      .filter((i) => app.colours[i] !== GREY)
      .map((i) => el("li", {}, app.chip(i))),
    app.colours.includes(GREY)
      ? el(
          "li",
          { class: "quiet" },
          `${count(app.colours.filter((c) => c === GREY).length)} smaller classes in grey`,
        )
      : null,
    el("li", {}, el("i", { class: "ring" }), "flagged"),
  );
  const zoom = el(
    "div",
    { class: "zoom" },
    [
      ["+", 1.5, "Nearer"],
      ["−", 1 / 1.5, "Farther"],
      ["⤢", 0, "All of it"],
    ].map(([sign, by, name]) =>
      el(
        "button",
        { type: "button", "aria-label": name, title: name, onclick: () => app.map.zoom(by) },
        sign,
      ),
    ),
    navigator.maxTouchPoints > 0 && loopButton(app.map),
  );
  const who = el("input", {
    id: "who",
    placeholder: "Your name",
    "aria-label": "Your name, kept with each decision",
    maxlength: 80,
  });
  who.value = kept("who") || transport.who;
  who.addEventListener("change", () => kept("who", who.value.trim()));

  $("main").replaceChildren(
    verdict,
    el(
      "div",
      { class: rows.several ? "" : "two" },
      section("classes", rows.several ? "Labels" : "Classes", classBox),
      data.confusions &&
        section(
          "confusions",
          "Confusions",
          el(
            "p",
            { class: "quiet" },
            "Flagged rows by label; the shade counts the rows expected too. On the diagonal: no other class is more probable. Choose a cell to see its rows.",
          ),
          confusionBox,
        ),
    ),
    app.map &&
      section(
        "map",
        "Map",
        el(
          "p",
          { class: "quiet" },
          `Near points have similar texts. Draw a loop to see its rows; choose a point to read it.${rows.several ? " A point has the colour of the rarest of its labels." : ""}`,
        ),
        el("div", { class: "mapwrap" }, zoom, app.map.node),
        legend,
      ),
    section(
      "rows",
      "Rows",
      el(
        "div",
        { class: "filters" },
        tabs,
        search,
        fields,
        el("label", { class: "check" }, twin, "has duplicates"),
        clear,
        who,
      ),
      tally,
      el("div", { class: "work" }, app.list.node, app.review.card),
    ),
    ...data.sections.map((part) => extraPart(part, app)),
    ...(data.models ? [section("models", "Which model wins", modelsPart(data.models))] : []),
    ...(data.people ? [section("people", "Who decided", peoplePart(data.people))] : []),
    section("trust", "How far to trust it", trust),
    note,
  );
  $("file").textContent = shown(
    `${data.run.name} · ${plural(rows.n, "row")} · ${plural(names.length, rows.several ? "label" : "class")}`,
  );
  $("nav").append(
    ...[...document.querySelectorAll("main section")]
      .slice(1)
      .map((s) => el("a", { href: `#${s.id}` }, s.querySelector("h2").textContent)),
  );
  $("help").addEventListener("click", app.help);
  $("export").addEventListener("click", () => {
    download(
      "decisions.jsonl",
      [...rows.decision.values()].map(({ row, ...record }) => `${JSON.stringify(record)}\n`),
    );
    app.flash(`${plural(rows.decision.size, "decision")} exported.`);
  });
  const root = document.documentElement,
    paintTheme = (t) => {
      if (t) root.dataset.theme = t;
      app.map?.later();
    };
  paintTheme(kept("theme"));
  $("theme").addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    paintTheme(kept("theme", dark ? "light" : "dark"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => app.map?.later());
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((d) => {
      d.open = true;
    });
  });
  app.changed();
  const isOpen = (i) => !rows.decision.has(i);
  if (!view.rows.some(isOpen)) app.filter({ ...EMPTY, show: "all" }, true);
  const open = view.rows.find(isOpen) ?? view.rows[0];
  if (open !== undefined) app.review.show(open);
  requestAnimationFrame(() =>
    setTimeout(() => {
      root.dataset.ready = Math.round(performance.now() - begin);
      root.dataset.first = Math.round(performance.now());
      (window.requestIdleCallback || setTimeout)(() => view.warm());
    }),
  );
  root.noisefix = { view, rows, waiting: () => transport.waiting?.() ?? 0 }; // for tests
}
const rarest = (classes, counts) => classes.reduce((a, b) => (counts[b] < counts[a] ? b : a));

// On a screen that is touched a finger scrolls the page, and draws a loop only after this button.
function loopButton(map) {
  const button = el(
    "button",
    {
      type: "button",
      id: "loop",
      "aria-pressed": "false",
      title: "Draw a loop with a finger",
      onclick: () => map.draw(button.getAttribute("aria-pressed") !== "true"),
    },
    "Loop",
  );
  if (map)
    map.ondraw = (on) => {
      button.setAttribute("aria-pressed", String(on));
    };
  return button;
}
const POLL_MS = 4000;

// What other people decide, and what follows from it, comes from the server with every answer.
function listen(app, rows) {
  let judged = app.data.judged,
    busy = false;
  app.transport.known = app.data.lines;
  app.transport.heard = async (answer) => {
    for (const { row, record } of answer.decisions || []) {
      if (record) rows.decision.set(row, record);
      else rows.decision.delete(row);
    }
    app.transport.known = answer.lines ?? app.transport.known;
    if ((answer.decisions || []).length) app.changed();
    if (answer.judged > judged && !busy) {
      busy = true;
      try {
        const now = await app.transport.judged();
        judged = now.judged;
        app.update(now);
      } catch {
        /* the next answer says it again */
      }
      busy = false;
    }
  };
  app.transport.refused = (record) => {
    rows.decision.delete(record.row);
    app.changed();
  };
  setInterval(async () => {
    if (document.visibilityState !== "visible" || app.transport.waiting()) return;
    try {
      app.transport.heard(await app.transport.summary(app.transport.known));
    } catch {
      /* the next decision says that there is no server */
    }
  }, POLL_MS);
}

start().catch((error) => {
  $("main").replaceChildren(el("h1", {}, "This page cannot be shown"), el("p", {}, error.message));
  throw error;
});
