// What Swagger UI does not say to a screen reader: the language of its page, and what its lists choose.
document.documentElement.lang = "en";
const NAMES = {
    "servers": "Server", "examples-select-element": "Example", "content-type": "Media type",
};
const nameLists = () => {
    for (const list of document.querySelectorAll("select:not([aria-label])")) {
        list.setAttribute("aria-label", NAMES[list.id] ?? NAMES[list.classList[0]] ?? "Choice");
    }
};
new MutationObserver(nameLists).observe(document.documentElement, {childList: true, subtree: true});
