// Sorting of tables by their headings. Without this script a table keeps the order it was built in.
(function () {
  "use strict";
  function key(row, column) {
    var cell = row.cells[column];
    return cell.dataset.key || cell.textContent.trim().toLowerCase();
  }

  function sort(table, heading, column) {
    var body = table.tBodies[0];
    var down = heading.getAttribute("aria-sort") === "ascending";
    var rows = Array.prototype.slice.call(body.rows);
    rows.sort(function (a, b) {
      var one = key(a, column), other = key(b, column);
      return (one < other ? -1 : one > other ? 1 : 0) * (down ? -1 : 1);
    });
    table.querySelectorAll("th[aria-sort]").forEach(function (th) { th.removeAttribute("aria-sort"); });
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    rows.forEach(function (row) { body.append(row); });
  }

  document.querySelectorAll("table.sortable").forEach(function (table) {
    if (table.tBodies[0].rows.length < 3) return;
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (heading, column) {
      if (!heading.hasAttribute("data-sort")) return;
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      button.addEventListener("click", function () { sort(table, heading, column); });
      heading.textContent = "";
      heading.append(button);
    });
  });
})();
