// The keys of the desk, and the notice that the server cannot be reached. htmx would need eval for
// keys, which the Content-Security-Policy forbids.
"use strict";

function typing(element) {
  return element.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(element.tagName);
}

// An element with data-key="n" is used by the key n: a field gets the focus, a link is followed.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && document.activeElement) {
    document.activeElement.blur();
    return;
  }
  if (typing(event.target)) return;
  if (event.target.matches(".desk-box") && event.key.startsWith("Arrow")) return;  // they scroll it
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!target) return;
  event.preventDefault();
  if (typing(target)) target.focus();
  else target.click();
});

// A button that has done its work may be gone after the swap. Then the element that data-next names
// gets the focus, or what the button describes: the person of its visit, and not the top of the page.
let next = null;
function rememberFocus() {
  const button = document.activeElement;
  next = button.closest("[data-next]")?.dataset.next ?? button.getAttribute("aria-describedby");
}
function keepFocus() {
  if (!next || document.activeElement !== document.body) return;
  document.getElementById(next)?.focus({ preventScroll: true });
}
for (const swap of ["htmx:beforeSwap", "htmx:oobBeforeSwap"]) document.addEventListener(swap, rememberFocus);
for (const swap of ["htmx:afterSwap", "htmx:oobAfterSwap"]) document.addEventListener(swap, keepFocus);

function showOffline(offline) {
  const notice = document.getElementById("offline");
  if (notice) notice.hidden = !offline;
}

document.addEventListener("htmx:sendError", () => showOffline(true));
document.addEventListener("htmx:responseError", () => showOffline(true));
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) showOffline(false);
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});
