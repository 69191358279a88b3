// Keys for people who do not reach for the mouse. No key ever signs.
(() => {
  let pending = "";

  const rows = () => [...document.querySelectorAll("[data-row]")];
  const typing = (at) => at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName);

  function move(step) {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row.getAttribute("aria-selected") === "true");
    const next = Math.min(all.length - 1, Math.max(0, at + step));
    all.forEach((row, place) => row.setAttribute("aria-selected", String(place === next)));
    const link = all[next].querySelector("a");
    if (link) link.focus({ preventScroll: true });
    all[next].scrollIntoView({ block: "nearest" });
  }

  function open() {
    const row = document.querySelector('[data-row][aria-selected="true"]');
    const link = row && row.querySelector("a");
    if (link) link.click();
  }

  // Ticks the selected row; ticking signs nothing.
  function pick() {
    const box = document.querySelector('[data-row][aria-selected="true"] [name="item"]');
    if (box) box.click();
  }

  function follow(selector) {
    const link = document.querySelector(selector);
    if (link) link.click();
  }

  function focus(selector) {
    const place = document.querySelector(selector);
    if (place) {
      place.scrollIntoView({ block: "center" });
      place.focus();
    }
  }

  const acts = {
    "/": () => focus("#search"),
    j: () => move(1),
    k: () => move(-1),
    e: open,
    x: pick,
    s: () => focus("[data-sign]"),
    r: () => follow("[data-return]"),
    "[": () => follow("[data-previous]"),
    "]": () => follow("[data-next]"),
    "?": () => document.getElementById("keys").showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const key = event.key;
    if (pending === "g" && key === "w") {
      location.href = "/";
    } else if (acts[key]) {
      event.preventDefault();
      acts[key]();
    }
    pending = key === "g" ? "g" : "";
  });
})();
