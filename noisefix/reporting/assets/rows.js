// The list of rows: filters, order, and a virtual table that draws only what is seen.

const HEIGHT = 34;
const EMPTY = {
  show: "flagged",
  given: "",
  suggested: "",
  kind: "",
  sure: "",
  duplicates: false,
  search: "",
  lasso: null,
};

function makeView(data, rows) {
  const filter = { ...EMPTY };
  const orders = new Map();
  let lowered = null,
    starts = null;
  const view = { rows: rows.order, filter, sort: "rank", down: false, ms: 0 };

  function blob() {
    // all texts and ids in one string, so that a search is one scan
    if (lowered !== null) return;
    starts = new Uint32Array(rows.n + 1);
    const parts = new Array(rows.n);
    let at = 0;
    for (let i = 0; i < rows.n; i++) {
      parts[i] = `${rows.text[i]} ${rows.id ? rows.id[i] : i + 1}`.toLowerCase() + "\n";
      starts[i] = at;
      at += parts[i].length;
    }
    starts[rows.n] = at;
    lowered = parts.join("");
    lowered.indexOf("\u0000"); // makes the browser lay it out flat now
  }
  function search(needle) {
    blob();
    const hit = new Uint8Array(rows.n);
    for (let at = lowered.indexOf(needle), row = 0; at >= 0; at = lowered.indexOf(needle, starts[row + 1])) {
      while (starts[row + 1] <= at) row++;
      hit[row] = 1;
    }
    return hit;
  }
  function ordered() {
    if (view.sort === "rank") return rows.order;
    if (!orders.has(view.sort)) {
      const name = data.classes.name,
        label = (ids) => (a, b) => ids[a] - ids[b] || rows.rank[a] - rows.rank[b];
      const by = {
        p: (a, b) => rows.rank[a] - rows.rank[b],
        given: label(rows.given),
        suggested: label(rows.suggested),
        row: (a, b) => a - b,
        text: (a, b) => (rows.text[a] < rows.text[b] ? -1 : rows.text[a] > rows.text[b] ? 1 : a - b),
        decision: (a, b) => rows.decision.has(b) - rows.decision.has(a) || rows.rank[a] - rows.rank[b],
      }[view.sort];
      orders.set(view.sort, Int32Array.from({ length: rows.n }, (_, i) => i).sort(by));
    }
    return orders.get(view.sort);
  }
  view.stale = () => orders.clear();
  view.warm = blob;
  view.apply = () => {
    const begin = performance.now(),
      f = filter,
      needle = f.search.trim().toLowerCase();
    const hit = needle ? search(needle) : null;
    const given = f.given === "" ? null : rows.sets.map((set) => set.includes(+f.given)),
      suggested = f.suggested === "" ? null : rows.sets.map((set) => set.includes(+f.suggested));
    const [low, high] = { sure: [0.85, 2], probably: [0.5, 0.85], maybe: [0.15, 0.5], right: [-1, 0.15] }[
      f.sure
    ] || [null, null];
    if (view.sort === "decision") orders.delete("decision");
    const all = ordered(),
      out = new Int32Array(rows.n);
    let n = 0;
    for (let i = 0; i < all.length; i++) {
      const row = all[view.down ? all.length - 1 - i : i];
      if (f.show === "flagged" && !rows.flagged[row]) continue;
      if (f.show === "decided" && !rows.decision.has(row)) continue;
      if (f.show === "open" && (!rows.flagged[row] || rows.decision.has(row))) continue;
      if (given !== null && !given[rows.given[row]]) continue;
      if (suggested !== null && !suggested[rows.suggested[row]]) continue;
      if (f.kind !== "" && !(rows.kind[row] & (1 << +f.kind))) continue;
      if (low !== null && !(rows.p[row] >= low && rows.p[row] < high)) continue;
      if (
        f.duplicates !== false &&
        !(f.duplicates === true ? rows.group[row] >= 0 : rows.group[row] === f.duplicates)
      )
        continue;
      if (f.lasso && !f.lasso[row]) continue;
      if (hit && !hit[row]) continue;
      out[n++] = row;
    }
    view.rows = out.subarray(0, n);
    view.ms = performance.now() - begin;
  };
  return view;
}

// A grid with rows of one height. draw(row) gives the cells of a row; pick(row) is called for a chosen one.
function makeList(columns, view, draw, pick, sortBy) {
  const body = el("div", { class: "body", role: "rowgroup" });
  const head = el(
    "div",
    { class: "line head", role: "row", "aria-rowindex": 1 },
    columns.map(([key, name]) =>
      el(
        "div",
        { role: "columnheader", class: `c-${key}` },
        el("button", { type: "button", onclick: () => sortBy(key) }, name),
      ),
    ),
  );
  const scroller = el(
    "div",
    {
      class: "scroller",
      role: "grid",
      tabindex: 0,
      "aria-label": "Rows; arrow keys move, Enter reads the row",
      "aria-colcount": columns.length,
    },
    el("div", { class: "sticky", role: "rowgroup" }, head),
    body,
  );
  let current = NONE,
    place = 0,
    asked = 0;

  function paint() {
    asked = 0;
    const n = view.rows.length,
      high = scroller.clientHeight || 600;
    body.style.height = `${n * HEIGHT}px`;
    scroller.setAttribute("aria-rowcount", n + 1);
    const from = Math.max(0, Math.floor(scroller.scrollTop / HEIGHT) - 8),
      to = Math.min(n, from + Math.ceil(high / HEIGHT) + 16);
    body.replaceChildren(...Array.from({ length: Math.max(0, to - from) }, (_, i) => line(from + i)));
    if (!n) body.append(el("p", { class: "quiet pad" }, "No row matches these filters."));
    if (current >= 0 && place >= from && place < to)
      scroller.setAttribute("aria-activedescendant", `row-${current}`);
    else scroller.removeAttribute("aria-activedescendant");
    [...head.children].forEach((cell, i) =>
      cell.setAttribute(
        "aria-sort",
        columns[i][0] !== view.sort ? "none" : view.down ? "descending" : "ascending",
      ),
    );
  }
  function line(i) {
    const row = view.rows[i];
    const node = el(
      "div",
      {
        class: "line",
        role: "row",
        id: `row-${row}`,
        "aria-rowindex": i + 2,
        "aria-selected": row === current ? "true" : "false",
        onclick: () => {
          list.go(i);
        },
      },
      draw(row).map((cell, c) => el("div", { role: "gridcell", class: `c-${columns[c][0]}` }, cell)),
    );
    node.style.top = `${i * HEIGHT}px`;
    return node;
  }
  const list = {
    node: scroller,
    paint,
    later: () => {
      if (!asked) asked = requestAnimationFrame(paint);
    },
    go(i, quiet) {
      if (!view.rows.length) {
        current = NONE;
        paint();
        pick(NONE);
        return;
      }
      place = Math.max(0, Math.min(i, view.rows.length - 1));
      current = view.rows[place];
      const top = place * HEIGHT,
        seen = scroller.clientHeight - HEIGHT;
      if (top < scroller.scrollTop) scroller.scrollTop = top;
      else if (top + HEIGHT > scroller.scrollTop + seen) scroller.scrollTop = top + HEIGHT - seen;
      paint();
      if (!quiet) pick(current);
    },
    at: () => place,
    current: () => current,
    forget: () => {
      current = NONE;
    },
  };
  scroller.addEventListener("scroll", list.later, { passive: true });
  scroller.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -1e9, End: 1e9 }[event.key];
    if (step && event.target === scroller) {
      event.preventDefault();
      list.go(place + step);
    }
    if (event.key === "Enter" && event.target === scroller) $("card")?.focus();
  });
  new ResizeObserver(list.later).observe(scroller);
  return list;
}
