// Keys for hands that stay on the keyboard. None of them sends anything.
"use strict";

function step(by) {
  const items = [...document.querySelectorAll("main .item")].filter((item) => item.offsetParent);
  if (!items.length) return;
  const at = items.findIndex((item) => item.classList.contains("chosen"));
  const next = items[Math.min(items.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  items[at]?.classList.remove("chosen");
  next.classList.add("chosen");
  (next.querySelector("a, summary") || next).focus();
  next.scrollIntoView({ block: "nearest" });
}

function go(selector, elsewhere) {
  const found = document.querySelector(selector);
  if (found) found.focus();
  else if (elsewhere) location.assign(elsewhere);
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  "/": () => go("[data-key='/']", "/ui"),
  a: () => go("[data-key=a]", document.querySelector(".waiting .go, .head .go")?.href || "/ui/approvals"),
  r: () => go("[data-key=r]"),
  g: () => location.assign("/ui"),
  "?": () => document.getElementById("keys").showModal(),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, dialog[open]")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
