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
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!target) return;
  event.preventDefault();
  if (typing(target)) target.focus();
  else target.click();
});

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
