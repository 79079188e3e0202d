// Put the focus on the first field of a form, or on the search field of a list: staff type at once.
"use strict";

window.addEventListener("load", () => {
  const taken = document.activeElement && document.activeElement !== document.body;
  if (taken || window.location.hash) return;
  const fields = "fieldset .form-row :is(input:not([type=hidden], [type=checkbox], [type=radio]), select, textarea)";
  const field = document.querySelector(".errors input, .errors select, .errors textarea")
    || document.querySelector(`#content-main ${fields}`)
    || document.getElementById("searchbar");
  if (!field) return;
  // Select2 hides the select of an autocomplete field and shows a box that takes the focus.
  const box = field.parentElement.querySelector(".select2-selection");
  (box || field).focus({ preventScroll: true });
});
