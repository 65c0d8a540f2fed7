// Keeps the page live: the server sends pieces of it, each takes the place of the element of its
// id. Without this file every page is whole; it is only not live.
"use strict";

const LOST_AFTER = 15000; // the server beats every five seconds
const status = document.getElementById("live");
let heard = Date.now();

function say(state, words) {
  if (status.dataset.live === state && state !== "stale") return;
  status.dataset.live = state;
  status.textContent = words;
}

// What a reader did to the old element stays: what was opened, and where the focus is.
function replace(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  for (const one of fresh.querySelectorAll("details[id]")) {
    const before = document.getElementById(one.id);
    if (before && old.contains(before)) one.open = before.open;
  }
  const place = focused && (focused.id || focused.getAttribute("href"));
  const summary = focused && focused.tagName === "SUMMARY" && focused.parentElement.id;
  old.replaceWith(fresh);
  if (summary) fresh.querySelector(`#${CSS.escape(summary)} > summary`)?.focus();
  else if (focused && focused.id) document.getElementById(focused.id)?.focus();
  else if (place) fresh.querySelector(`[href="${CSS.escape(place)}"]`)?.focus();
}

function show(piece) {
  const template = document.createElement("template");
  template.innerHTML = piece.html.trim();
  const fresh = template.content.firstElementChild;
  const old = document.getElementById(piece.id);
  if (old) return replace(old, fresh);
  const list = piece.into && document.getElementById(piece.into);
  if (!list || "frozen" in list.dataset) return;
  fresh.classList.add("fresh");
  if (piece.first) list.prepend(fresh);
  else list.append(fresh);
}

// Read the page again: after the server was started anew, or after a long absence.
async function resync() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.body.dataset.since = page.body.dataset.since;
  for (const fresh of page.querySelectorAll("main [id], #waiting-count")) {
    if (fresh.closest("form") || fresh.parentElement.closest("main [id]:not(#rows, ol)")) continue;
    const old = document.getElementById(fresh.id);
    if (old?.querySelector("form, textarea")) continue; // somebody may be filling it in
    if (old && (old.id === "rows" || old.matches("ol"))) continue; // its items are taken one by one
    if (old) replace(old, fresh.cloneNode(true));
    else if (fresh.parentElement.id) {
      const list = document.getElementById(fresh.parentElement.id);
      if (list && !("frozen" in list.dataset)) {
        if (list.id === "rows") list.prepend(fresh.cloneNode(true));
        else list.append(fresh.cloneNode(true));
      }
    }
  }
}

function take(event) {
  if (event.kind === "lost") return say("off", "reconnecting");
  heard = Date.now();
  say("on", "live");
  if (event.kind === "pieces") JSON.parse(event.data).forEach(show);
  if (event.kind === "resync") resync();
}

function connect() {
  const { events, since, worker } = document.body.dataset;
  if (!since) return;
  if (window.SharedWorker) {
    const shared = new SharedWorker(worker, "sre-agent"); // all tabs have one connection
    shared.port.onmessage = (message) => take(message.data);
    shared.port.postMessage({ events, since });
    addEventListener("pagehide", () => shared.port.postMessage("bye"));
    return;
  }
  const source = new EventSource(`${events}?since=${encodeURIComponent(since)}`);
  for (const kind of ["pieces", "resync", "beat"])
    source.addEventListener(kind, (event) => take({ kind, data: event.data }));
  source.onopen = () => take({ kind: "beat" });
  source.onerror = () => take({ kind: "lost" });
}

function utc(moment) {
  return `${new Date(moment).toISOString().slice(11, 19)} UTC`;
}

function tick() {
  if (Date.now() - heard > LOST_AFTER && document.body.dataset.since)
    say("stale", `stale since ${utc(heard)}`);
  for (const element of document.querySelectorAll("[data-since]:not(body)")) {
    const seconds = Math.max(0, (Date.now() - Date.parse(element.dataset.since)) / 1000);
    element.textContent = seconds < 60 ? `${Math.floor(seconds)} s` : `${Math.floor(seconds / 60)} min`;
  }
}

// The reader's own time beside UTC, where it is asked for with the pointer.
addEventListener("pointerover", (event) => {
  const time = event.target.closest?.("time[datetime]");
  if (time && !time.title) time.title = `${new Date(time.dateTime).toLocaleString()} (your time)`;
});

// A link to a line of an output opens what hides it.
function reveal() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  const details = target.closest("details") || target.parentElement.querySelector("details");
  if (details && target.closest(".log")) details.open = true;
  target.scrollIntoView();
}

addEventListener("hashchange", reveal);
reveal();
connect();
setInterval(tick, 1000);
