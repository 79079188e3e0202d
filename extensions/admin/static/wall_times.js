// Takes out of Django's calendar and clock what goes by the browser's clock: "Now", "Today" and the
// days beside it, the mark on the present day, and the note of hours. Staff type wall times of a
// location, and neither the browser nor the server need be there.
'use strict';
{
    const shortcuts = window.DateTimeShortcuts;
    const calendar = window.CalendarNamespace;
    const {addClock, addCalendar, openCalendar} = shortcuts;
    const {draw} = calendar;

    // Keep the icon beside the input, the last link of its shortcuts.
    const keepIcon = function(input) {
        const links = input.nextSibling;
        links.replaceChildren('\u00A0', links.lastElementChild);
    };

    shortcuts.addTimezoneWarning = function() {};
    shortcuts.clockHours.default_ = [['00:00', 0], ['06:00', 6], ['12:00', 12], ['18:00', 18]];
    shortcuts.addClock = function(input) {
        addClock(input);
        keepIcon(input);
    };
    shortcuts.addCalendar = function(input) {
        addCalendar(input);
        keepIcon(input);
        const box = shortcuts.calendarDivName1 + shortcuts.calendarInputs.lastIndexOf(input);
        document.getElementById(box).querySelector('.calendar-shortcuts').remove();
    };
    // Open at the typed date only if it is ISO: Django's reader takes any other for one of long ago.
    shortcuts.openCalendar = function(number) {
        const input = shortcuts.calendarInputs[number];
        const typed = input.value;
        input.value = /^\d{4}-\d{1,2}-\d{1,2}$/.test(typed.trim()) ? typed : '';
        openCalendar(number);
        input.value = typed;
    };
    calendar.draw = function(month, year, divId, ...others) {
        draw.call(calendar, month, year, divId, ...others);
        for (const day of document.querySelectorAll(`#${divId} .today`)) {
            day.classList.remove('today');
        }
    };
}
