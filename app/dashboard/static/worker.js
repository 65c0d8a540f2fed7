// One connection for all tabs: browsers open six to a site, and the seventh tab would hang.
// A tab that joins gets what came since its page was read.
"use strict";

const KEPT = 300;
const tabs = new Set();
const kept = [];
let source = null;
let last = "";

function tell(event) {
  if (event.id) {
    last = event.id;
    kept.push(event);
    if (kept.length > KEPT) kept.shift();
  }
  for (const tab of tabs) tab.postMessage(event);
}

function open(events, since) {
  source = new EventSource(`${events}?since=${encodeURIComponent(since)}`);
  for (const kind of ["pieces", "resync", "beat"])
    source.addEventListener(kind, (event) =>
      tell({ kind, data: event.data, id: kind === "pieces" ? event.lastEventId : "" }));
  source.onopen = () => tell({ kind: "beat" });
  source.onerror = () => {
    tell({ kind: "lost" });
    // a refusal ends an EventSource for good: begin anew, from where we were
    if (source.readyState === EventSource.CLOSED) setTimeout(() => open(events, last || since), 5000);
  };
}

function parts(id) {
  const [run, number] = id.split("-");
  return { run, number: Number(number) };
}

function join(tab, { events, since }) {
  tabs.add(tab);
  if (!source) return open(events, since);
  const from = parts(since);
  const now = parts(last || since);
  const oldest = kept.length ? parts(kept[0].id).number : now.number + 1;
  if (from.run !== now.run || (from.number + 1 < oldest && from.number < now.number))
    tab.postMessage({ kind: "resync" });
  else
    for (const event of kept) if (parts(event.id).number > from.number) tab.postMessage(event);
  if (source.readyState === EventSource.OPEN) tab.postMessage({ kind: "beat" });
}

onconnect = (event) => {
  const tab = event.ports[0];
  tab.onmessage = (message) => (message.data === "bye" ? tabs.delete(tab) : join(tab, message.data));
};
