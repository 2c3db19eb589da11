// Where data come from and where decisions go: this file, or the server that gave it.
// Each transport has load() -> data, decide(record, row), undo(who) -> what was undone, and log().

function fileTransport(data) {
  const name = `noisefix ${data.run.digest}`;
  let log = [];
  const write = () => {
    try {
      localStorage.setItem(name, JSON.stringify(log));
      return {};
    } catch {
      return { warning: "The browser could not store this decision. Export now, before you close the page." };
    }
  };
  return {
    kind: "file",
    who: "",
    async load() {
      try {
        log = JSON.parse(localStorage.getItem(name)) || [];
      } catch {
        log = [];
      }
      if (!Array.isArray(log)) log = [];
      return { ...data, decisions: [...(data.decisions || []), ...log] };
    },
    async decide(record) {
      log.push(record);
      return write();
    },
    async undo() {
      const last = log.pop();
      return last ? { ...write(), undone: last } : {};
    },
  };
}

const RETRY_MS = 2000;

function serverTransport(block, tell) {
  const ask = async (path, body) => {
    const answer = await fetch(path, {
      method: body ? "POST" : "GET",
      credentials: "same-origin",
      cache: "no-store",
      headers: { "X-Noisefix-Token": block.token, ...(body && { "Content-Type": "application/json" }) },
      body: body && JSON.stringify(body),
    });
    if (!answer.ok)
      throw Object.assign(
        new Error((await answer.json().catch(() => ({}))).error || `the server answered ${answer.status}`),
        { final: answer.status < 500 },
      );
    return answer.json();
  };
  const waiting = []; // decided here, and not yet on the server's disk; the order is kept
  let busy = null;
  async function flush() {
    while (waiting.length) {
      try {
        const answer = await ask("/api/decide", { ...waiting[0], since: transport.known });
        waiting.shift();
        transport.heard(answer);
      } catch (error) {
        if (error.final) {
          const lost = waiting.shift();
          tell(`Row ${lost.id}: not stored: ${error.message}.`);
          transport.refused(lost);
          continue;
        }
        tell(
          `${plural(waiting.length, "decision")} not stored yet, as the server does not answer. Keep this page open: it tries again.`,
        );
        await new Promise((done) => setTimeout(done, RETRY_MS));
      }
    }
    busy = null;
  }
  addEventListener("beforeunload", (event) => {
    if (waiting.length) event.preventDefault();
  });
  const transport = {
    kind: "server",
    who: block.who || "",
    known: 0,
    heard: () => {},
    refused: () => {},
    load: () => ask("/api/state"),
    async decide(record, row) {
      waiting.push({ ...record, row });
      busy = busy || flush();
      return {};
    },
    async undo(who) {
      await busy;
      const answer = await ask("/api/undo", { who });
      transport.heard(answer);
      return answer;
    },
    next: (who, row) => ask(`/api/next?who=${encodeURIComponent(who)}&row=${row}`),
    text: (row) => ask(`/api/text?row=${row}`),
    async audit() {
      await busy; // what was just answered is to count
      return ask("/api/audit");
    },
    summary: (since) => ask(`/api/summary?since=${since}`),
    judged: () => ask("/api/judged"),
    waiting: () => waiting.length,
  };
  return transport;
}

function download(name, lines) {
  const address = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

const kept = (name, value) => {
  // a small setting, where the browser lets us keep one
  try {
    if (value === undefined) return localStorage.getItem(`noisefix ${name}`) || "";
    localStorage.setItem(`noisefix ${name}`, value);
  } catch {
    /* a page that may not store still works */
  }
  return value || "";
};
