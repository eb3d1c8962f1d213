// Search in the dictionary. Without this script the page is the plain list it was.
(function () {
  "use strict";
  var index = window.vitalsIndex || [];
  var box = document.querySelector(".search-box");
  var field = document.getElementById("search");
  var entries = document.getElementById("entries");
  var results = document.getElementById("results");
  var found = document.getElementById("found");
  if (!box || !field || !index.length) return;
  box.hidden = false;
  var texts = index.map(function (row) { return row.slice(1).join(" ").toLowerCase(); });

  function ranked(words) {
    var hits = [];
    for (var i = 0; i < index.length; i += 1) {
      var name = index[i][1].toLowerCase();
      var score = 0;
      for (var w = 0; w < words.length && score >= 0; w += 1) {
        if (texts[i].indexOf(words[w]) < 0) score = -1;
        else score += name.indexOf(words[w]) === 0 ? 3 : name.indexOf(words[w]) > 0 ? 2 : 1;
      }
      if (score > 0) hits.push([score, i]);
    }
    return hits.sort(function (a, b) { return b[0] - a[0] || a[1] - b[1]; });
  }

  function show() {
    var words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    entries.hidden = words.length > 0;
    results.hidden = words.length === 0;
    results.textContent = "";
    found.textContent = "";
    if (!words.length) return;
    var hits = ranked(words);
    found.textContent = hits.length === 1 ? "1 metric" : hits.length + " metrics";
    var list = document.createElement("ul");
    list.className = "entries";
    hits.slice(0, 60).forEach(function (hit) {
      var row = index[hit[1]];
      var item = document.createElement("li");
      var link = document.createElement("a");
      var told = document.createElement("p");
      link.href = row[0];
      link.textContent = row[1];
      told.textContent = row[2];
      item.append(link, told);
      list.append(item);
    });
    results.append(list);
  }

  field.addEventListener("input", show);
  document.addEventListener("keydown", function (event) {
    if (event.key === "k" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); field.focus(); }
  });
  show();
})();
