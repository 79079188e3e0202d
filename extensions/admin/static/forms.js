// Put the focus where staff type first, and name for screen readers what Django's widgets leave
// without a name.
"use strict";
{
  const SELECT2 = "select.select2-hidden-accessible";
  const FIELDS = "fieldset .form-row :is(input:not([type=hidden], [type=radio]:not(:checked)), select, textarea)";
  let acted = false; // the user was quicker than the page
  for (const kind of ["keydown", "pointerdown"]) {
    window.addEventListener(kind, () => { acted = true; }, { capture: true, once: true });
  }

  // Select2 hides the select of an autocomplete field and shows a box of its own.
  const boxOf = (select) => select.parentElement.querySelector(`.select2-container :is(.select2-selection--single, .select2-search__field)`);
  const labelOf = (select) => (select.labels && select.labels[0] ? select.labels[0].textContent.trim().replace(/:$/, "") : "");

  const nameBoxes = () => {
    for (const select of document.querySelectorAll(SELECT2)) {
      const box = boxOf(select);
      if (!box || box.dataset.named) continue;
      box.dataset.named = "yes";
      const label = labelOf(select);
      const shown = box.querySelector(".select2-selection__rendered");
      if (shown) {
        shown.removeAttribute("role"); // a textbox would need a name of its own
        shown.removeAttribute("aria-readonly");
        select.labels[0].id ||= `${select.id}_label`;
        box.setAttribute("aria-labelledby", `${select.labels[0].id} ${shown.id}`);
      } else {
        box.setAttribute("aria-label", label);
      }
    }
    for (const icon of document.querySelectorAll(".search-label-icon")) icon.setAttribute("role", "img");
  };

  // After a refusal the field that is wrong, or the sentence if it is of the whole form; else the
  // first field of a form, or the search field of a list.
  const place = () => {
    const wrong = document.querySelector("#content-main [aria-invalid=true]:not([type=hidden])");
    const refused = document.querySelector("#content-main .errornote");
    if (!wrong && refused) refused.tabIndex = -1;
    return wrong || refused || document.querySelector(`#content-main ${FIELDS}`)
      || document.getElementById("searchbar");
  };

  const begin = () => {
    nameBoxes();
    if (acted || window.location.hash) return;
    const field = place();
    if (field) (field.matches(SELECT2) ? boxOf(field) || field : field).focus({ preventScroll: true });
  };

  // What is typed on a closed box goes into its search.
  document.addEventListener("keydown", (event) => {
    const box = event.target.closest(".select2-selection--single");
    if (!box || event.key.length !== 1 || event.key === " ") return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const select = box.closest(".select2-container").parentElement.querySelector(SELECT2);
    window.django.jQuery(select).select2("open");
  });

  window.addEventListener("load", () => {
    const jQuery = window.django && window.django.jQuery;
    if (!jQuery) return begin();
    jQuery(() => setTimeout(begin)); // after Django has made the boxes, which may be after "load"
    jQuery(document).on("select2:open", (event) => {
      const search = document.querySelector(".select2-container--open .select2-search__field");
      if (!search) return;
      search.setAttribute("aria-label", labelOf(event.target));
      search.focus();
    });
    document.addEventListener("formset:added", () => setTimeout(nameBoxes));
  });
}
