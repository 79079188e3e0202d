// What the pages of REST framework do not say to a screen reader: their language, and which label
// belongs to which field. Their templates leave no other place for it.
document.documentElement.lang = document.currentScript.dataset.language;
for (const [place, label] of document.querySelectorAll(".form-group > label").entries()) {
    const field = label.parentElement.querySelector("input, select, textarea");
    if (field && !label.htmlFor) {
        field.id ||= `field-${place}`;
        label.htmlFor = field.id;
    }
}
for (const button of document.querySelectorAll("button[title]")) {
    button.setAttribute("aria-label", button.title);
}
