"use strict";
// A browser runs no module of a page that was opened as a file: that is said instead of "Loading" for ever.
// No module, so that it runs there, too.
if (location.protocol === "file:") {
  document.getElementById("about").textContent = "";
  const status = document.getElementById("status");
  status.className = "failed";
  status.textContent =
    "This page was opened as a file, and browsers run it only from a server. In its folder type: python -m http.server 8000 --bind 127.0.0.1. Then open http://127.0.0.1:8000/.";
  document.body.dataset.failed = "1";
}
