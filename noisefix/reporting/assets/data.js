// The packed data, brought into arrays; words, numbers and digests.

const $ = (id) => document.getElementById(id);
const NONE = -1;

async function unpack(base64) {
  if (typeof DecompressionStream === "undefined")
    throw new Error("This browser is too old: it cannot unpack gzip. Any browser of 2023 or later can.");
  const stream = new Blob([bytes(base64)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

function bytes(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const raw = atob(base64);
  const out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out;
}

const uint16 = (base64) => new Uint16Array(bytes(base64).buffer); // browsers run on little-endian machines only

function bitset(base64, n) {
  const out = new Uint8Array(n);
  if (!base64) return out;
  const packed = bytes(base64);
  for (let i = 0; i < n; i++) out[i] = (packed[i >> 3] >> (i & 7)) & 1;
  return out;
}

// All that the page knows of the rows, as arrays of their number.
function rowsOf(data) {
  const source = data.rows,
    n = source.n;
  const rows = {
    n,
    text: source.text,
    id: source.id,
    given: Int32Array.from(source.given),
    suggested: Int32Array.from(source.suggested),
    several: !!source.sets, // a row may have several labels
    p: Float32Array.from(uint16(source.p), (v) => (v === 65535 ? NaN : v / 10000)),
    flagged: bitset(source.flagged, n),
    trusted: bitset(source.trusted, n),
    cut: bitset(source.cut, n),
    detail: new Int32Array(n).fill(NONE),
    group: new Int32Array(n).fill(NONE),
    kind: new Uint8Array(n),
    rank: new Int32Array(n),
    decision: new Map(),
    taken: new Set(),
    annotator: new Map(),
    signs: new Map(),
  };
  data.detail.row.forEach((row, i) => {
    rows.detail[row] = i;
    rows.kind[row] = data.detail.kind[i];
  });
  data.duplicates.forEach((group, i) =>
    group.forEach((row) => {
      rows.group[row] = i;
    }),
  );
  if (data.annotator) data.annotator.row.forEach((row, i) => rows.annotator.set(row, i));
  if (source.cut) {
    const keys = bytes(source.keys),
      size = source.key_bytes,
      place = new Map();
    for (let i = 0, at = 0; i < n; i++)
      if (rows.cut[i]) {
        rows.signs.set(i, source.signs[at]);
        place.set(i, size * at++);
      }
    rows.cutKey = (i) => hex(keys.subarray(place.get(i), place.get(i) + size));
  }
  labelsOf(rows, data.classes.name, source.sets);
  rank(rows, source.order);
  return rows;
}

// Labels: given and suggested count sets of classes. Where a row has one label, each is one class.
function labelsOf(rows, names, sets) {
  rows.sets = sets || names.map((_, i) => [i]);
  rows.classes = (set) => (set < 0 ? [] : rows.sets[set]);
  const place = new Map(names.map((name, i) => [name, i]));
  // One text for a set, as noisefix writes it: it names a decision, and is part of its key.
  rows.spell = (classes) =>
    rows.several
      ? classes.map((c) => names[c].replace(/[\\|]/g, "\\$&")).join("|")
      : classes.map((c) => names[c]).join();
  rows.parse = (text) =>
    (text.match(/(?:[^\\|]|\\[^])+/g) || [])
      .map((part) => place.get(part.replace(/\\([^])/g, "$1")))
      .filter((c) => c !== undefined);
  rows.words = (set) =>
    set < 0 ? "no label" : rows.sets[set].map((c) => names[c]).join(", ") || "none of the labels";
}

// The order given for the first rows; the others follow by p, then by place.
function rank(rows, order) {
  const first = new Uint8Array(rows.n),
    keys = new Float64Array(rows.n - order.length); // one number each: sorts natively
  for (const row of order) first[row] = 1;
  let at = 0;
  for (let i = 0; i < rows.n; i++)
    if (!first[i])
      keys[at++] = (Number.isNaN(rows.p[i]) ? 20000 : 10000 - Math.round(1e4 * rows.p[i])) * 2 ** 32 + i;
  const rest = Array.from(keys.sort(), (key) => key % 2 ** 32);
  rows.order = Int32Array.from([...order, ...rest]);
  rows.order.forEach((row, i) => {
    rows.rank[row] = i + 1;
  });
}

const thousands = new Intl.NumberFormat("en-GB");
const count = (n) => thousands.format(n);
const plural = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : noun.endsWith("s") ? "es" : "s"}`;
function percent(share) {
  const value = 100 * share;
  return `${value >= 0.95 || value === 0 ? Math.round(value) : value.toFixed(1)}\u00a0%`;
}
const range = (low, high) => `${percent(low).slice(0, -2)} to ${percent(high)}`;
function sure(p) {
  if (Number.isNaN(p)) return "no label given";
  return p >= 0.85
    ? "almost surely wrong"
    : p >= 0.5
      ? "probably wrong"
      : p >= 0.15
        ? "maybe wrong"
        : "looks right";
}

// Signs that would change how the text around them is read are shown by their number.
function shown(text) {
  return text.replace(
    /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (sign) => `[U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`,
  );
}

// An element with its text and children; texts are only ever set as text.
function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return node;
}
const textOf = (text, cls = "") => el("span", { class: `data ${cls}`, dir: "auto" }, shown(text));
const say = (words) => {
  $("live").textContent = "";
  requestAnimationFrame(() => {
    $("live").textContent = words;
  });
};
