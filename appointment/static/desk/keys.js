// The keys of the desk, where the focus goes, and the notices that a request has failed. htmx would
// need eval for keys, which the Content-Security-Policy forbids.
"use strict";

// --- Keys ---

function typing(element) {
  return element.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(element.tagName);
}

// People who speak to their computer, or type with a stick, turn the keys off (WCAG 2.1.4).
const KEYS = "desk-keys";
const keysAreOn = () => localStorage.getItem(KEYS) !== "off";
const keysButton = document.getElementById("keys");
function showKeys() {
  keysButton.hidden = false;
  keysButton.setAttribute("aria-pressed", keysAreOn());
}
keysButton?.addEventListener("click", () => {
  localStorage.setItem(KEYS, keysAreOn() ? "off" : "on");
  showKeys();
});
if (keysButton) showKeys();

// The name of the key; with the lock of capitals on, n is still n. AltGr, which writes characters on
// some keyboards, reports itself as Control and Alt.
function nameOf(event) {
  const other = event.ctrlKey || event.metaKey || event.altKey;
  if (event.isComposing || event.repeat || (other && !event.getModifierState("AltGraph"))) return "";
  return event.key.length === 1 && !event.shiftKey ? event.key.toLowerCase() : event.key;
}

// An element with data-key="n" is used by the key n: a field gets the focus, a link is followed.
document.addEventListener("keydown", (event) => {
  const key = nameOf(event);
  if (key === "Escape") document.activeElement?.blur();
  if (!key || key === "Escape" || typing(event.target) || !keysAreOn()) return;
  if (event.target.matches(".desk-box") && key.startsWith("Arrow")) return;  // they scroll it
  const target = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!target) return;
  event.preventDefault();
  if (typing(target)) target.focus();
  else target.click();
});

// --- Focus ---

// A button that has done its work may be gone after the swap. Then what the button describes gets the
// focus, the person of its visit, or the first element that data-next names and that takes it; not the
// top of the page.
let next = [];
function rememberFocus() {
  const button = document.activeElement;
  const names = [button.getAttribute("aria-describedby"), button.closest("[data-next]")?.dataset.next];
  next = names.filter(Boolean).join(" ").split(" ");
}
function keepFocus() {
  for (const id of next) {
    if (document.activeElement !== document.body) return;
    if (id) document.getElementById(id)?.focus({ preventScroll: true });
  }
}
for (const swap of ["htmx:beforeSwap", "htmx:oobBeforeSwap"]) document.addEventListener(swap, rememberFocus);
for (const swap of ["htmx:afterSwap", "htmx:oobAfterSwap"]) document.addEventListener(swap, keepFocus);

// What has opened the panel gets the focus again when the panel is closed.
let opener = "";
document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, target } = event.detail;
  if (target?.id === "panel" && !target.contains(elt)) opener = elt.id;
});
document.addEventListener("click", (event) => {
  const close = event.target.closest("[data-close]");
  if (!close) return;
  close.closest("section").remove();
  document.getElementById(opener || "day-box")?.focus({ preventScroll: true });
});

// --- Notices ---

function show(id, shown) {
  const notice = document.getElementById(id);
  if (notice) notice.hidden = !shown;
}

for (const lost of ["htmx:sendError", "htmx:timeout"]) document.addEventListener(lost, () => show("offline", true));
// htmx sends its event of an error to the button, which a refresh may have taken away; this one not.
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.xhr.status >= 400) show(detail.xhr.status < 500 ? "refused" : "offline", true);
  if (!detail.successful) return;
  show("offline", false);
  const refreshes = detail.elt.getAttribute("hx-trigger")?.includes("every");
  if (!refreshes) show("refused", false);  // a refresh that succeeds says nothing of what was clicked
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});
