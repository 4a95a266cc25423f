// Reading heat maps by pointer and keyboard, the theme button, and the link to the current view.
(() => {
  function read(cell) {
    const holder = cell.closest(".mse-heatmaps");
    const line = holder && holder.parentElement.parentElement.querySelector(".mse-reading");
    if (!line) return;
    const { i, j } = cell.dataset;
    const table = cell.closest("table");
    const heads = table.querySelectorAll("tbody th");
    const chips = [heads[i], heads[j]].map((head) => head.querySelector(".mse-chip").cloneNode(true));
    const texts = [heads[i], heads[j]].map((head) => head.querySelector(".mse-text bdi").cloneNode(true));
    const values = [...holder.querySelectorAll("table")].map((other) => {
      const value = other.querySelector(`td[data-i="${i}"][data-j="${j}"]`);
      const part = document.createElement("span");
      part.className = "mse-value";
      part.textContent = `${other.dataset.column} ${value.textContent}`;
      return part;
    });
    line.replaceChildren(chips[0], " ", texts[0], " × ", chips[1], " ", texts[1], " ", ...values);
    holder.querySelectorAll(".mse-on").forEach((other) => other.classList.remove("mse-on"));
    holder.querySelectorAll(`td[data-i="${i}"][data-j="${j}"]`).forEach((other) => other.classList.add("mse-on"));
  }

  document.addEventListener("mouseover", (event) => {
    const cell = event.target.closest && event.target.closest(".mse-heat td[data-i]");
    if (cell) read(cell);
  });
  document.addEventListener("focusin", (event) => {
    if (event.target.matches && event.target.matches(".mse-heat td[data-i]")) read(event.target);
  });
  const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  document.addEventListener("keydown", (event) => {
    const cell = event.target.closest && event.target.closest(".mse-heat td[data-i]");
    const move = MOVES[event.key];
    if (!cell || !move) return;
    const i = Number(cell.dataset.i) + move[0];
    const j = Number(cell.dataset.j) + move[1];
    const next = cell.closest("table").querySelector(`td[data-i="${i}"][data-j="${j}"]`);
    if (!next) return;
    event.preventDefault();
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });

  function paint(dark) {
    document.body.classList.toggle("dark", dark);
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
    const button = document.querySelector("#mse-theme");
    if (button) button.setAttribute("aria-pressed", String(dark));
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest && event.target.closest("#mse-theme, #mse-link, .mse-copy");
    if (!target) return;
    if (target.classList.contains("mse-copy")) {
      if (navigator.clipboard) navigator.clipboard.writeText(target.parentElement.querySelector("code").textContent).then(
        () => { target.textContent = "Copied"; setTimeout(() => { target.textContent = "Copy"; }, 2000); });
      return;
    }
    if (target.id === "mse-theme") {
      const dark = !document.body.classList.contains("dark");
      paint(dark);
      try { localStorage.setItem("mse-theme", dark ? "dark" : "light"); } catch (error) { /* private window */ }
      return;
    }
    const told = document.querySelector("#mse-told");
    const say = (text) => { told.textContent = text; setTimeout(() => { told.textContent = ""; }, 4000); };
    if (navigator.clipboard) navigator.clipboard.writeText(location.href).then(
      () => say("Link copied"), () => say("Copy the address of this page: it holds the view"));
    else say("Copy the address of this page: it holds the view");
  });

  let wanted = null;
  try { wanted = localStorage.getItem("mse-theme"); } catch (error) { /* private window */ }
  if (wanted && !new URLSearchParams(location.search).has("__theme")) {
    const apply = () => paint(wanted === "dark");
    apply();
    setTimeout(apply, 0);
    window.addEventListener("load", apply);
  }
})();
