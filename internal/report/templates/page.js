"use strict";
(function () {
  var tip = document.getElementById("tip");
  // The browser's own tooltip of a chart would cover ours.
  document.querySelectorAll("svg.chart").forEach(function (svg) {
    var title = svg.querySelector("title");
    svg.setAttribute("aria-label", title.textContent);
    svg.removeAttribute("aria-labelledby");
    title.remove();
    svg.querySelectorAll("title").forEach(function (title) {
      title.parentNode.setAttribute("data-tip", title.textContent);
      title.remove();
    });
  });
  function show(event) {
    var mark = event.target.closest ? event.target.closest("[data-tip]") : null;
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.getAttribute("data-tip");
    var x = event.clientX + 14, y = event.clientY + 14, box = tip.getBoundingClientRect();
    if (x + box.width > innerWidth - 8) x = Math.max(8, event.clientX - box.width - 10);
    if (y + box.height > innerHeight - 8) y = Math.max(8, event.clientY - box.height - 10);
    tip.style.transform = "translate(" + x + "px," + y + "px)";
  }
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
  document.addEventListener("scroll", function () { tip.hidden = true; }, { passive: true });
  document.addEventListener("keydown", function (event) { if (event.key === "Escape") tip.hidden = true; });
})();
