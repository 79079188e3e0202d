// Names the boxes of Select2 by the labels of their fields, which a screen reader then says.
"use strict";
{
    const nameBoxes = () => {
        for (const field of document.querySelectorAll("select.select2-hidden-accessible")) {
            const [label] = field.labels;
            const box = field.parentElement.querySelector(".select2-selection");
            const shown = box?.querySelector(".select2-selection__rendered");
            if (label && box) {
                label.id ||= `${field.id}-label`;
                box.setAttribute("aria-labelledby", `${label.id} ${shown ? shown.id : ""}`.trim());
                shown?.setAttribute("aria-label", label.textContent.trim());
            }
        }
    };
    // jQuery calls this after the functions that make the boxes, since their scripts stand before.
    window.django?.jQuery?.(nameBoxes);
    document.addEventListener("formset:added", () => setTimeout(nameBoxes));
}
