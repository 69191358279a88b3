// The live page of a run on hosts; without this file a click on a host's name opens it, and the page is read anew by hand.
(() => {
  const MOST_LINES = 600;
  const log = () => document.getElementById("grid-log");
  let atEnd = true;
  let followedTo = -1;
  let waiting = false;

  // A click anywhere in a row opens its host.
  document.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-host]");
    if (row && !event.target.closest("a, button, input") && !String(getSelection())) row.querySelector("a").click();
  });

  // The row of the host beside the grid is marked; each poll asks for that host from then on.
  function markOpen() {
    const panel = document.querySelector("[data-panel]");
    if (!panel) return;
    document.querySelectorAll("tr[data-host]").forEach((row) => {
      row.classList.toggle("on", row.dataset.host === panel.dataset.panel);
    });
  }

  // Rows that a poll brought: only the cells that differ take the place of the old ones, so that nothing else is drawn.
  function renew() {
    const changes = document.getElementById("grid-changes");
    if (!changes) return;
    [...changes.content.children].forEach((row) => {
      const old = document.getElementById(row.id);
      if (!old) return;
      if (old.className !== row.className) old.className = row.className;
      [...row.children].forEach((cell, place) => {
        const there = old.children[place];
        if (there.outerHTML === cell.outerHTML) return;
        there.replaceWith(cell);
        if (cell.querySelector("a")) htmx.process(cell);
      });
    });
    changes.remove();
  }

  // What somebody types while a poll brings a form anew goes over into the new one, with the place of the cursor.
  let cursor = null;
  const alike = (field) =>
    field.id ? `#${CSS.escape(field.id)}` : `[name="${CSS.escape(field.name)}"][value="${CSS.escape(field.value)}"]`;
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    const fields = [...target.querySelectorAll("textarea, input:not([type=hidden])")];
    cursor = null;
    for (const form of target.querySelectorAll("details[open] form")) {
      const fresh = fragment.querySelector(`form[action="${CSS.escape(form.getAttribute("action"))}"]`);
      if (fresh && !form.querySelector("[id]")) fresh.closest("details").open = true;
    }
    for (const field of fields) {
      const fresh = fragment.querySelector(alike(field));
      if (!fresh) continue;
      if (field.type === "file") {
        if (field.files.length) event.detail.shouldSwap = false; // no page may choose a file again
      } else if (field.type === "radio" || field.type === "checkbox") fresh.checked = field.checked;
      else fresh.value = field.value;
      if (field.closest("details[open]") && fresh.closest("details")) fresh.closest("details").open = true;
      if (field === document.activeElement) cursor = [alike(field), field.selectionStart, field.selectionEnd];
    }
  });
  document.addEventListener("htmx:oobAfterSwap", () => {
    const field = cursor && document.querySelector(cursor[0]);
    if (!field) return;
    field.focus();
    if (cursor[1] !== null) field.setSelectionRange(cursor[1], cursor[2]);
    cursor = null;
  });

  // The log follows its end unless somebody reads further up.
  const isAtEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 24;
  function follow() {
    const box = log();
    if (!box) return;
    const none = box.querySelector(".none");
    if (none && box.children.length > 1) none.remove();
    if (!atEnd) return;
    for (let spare = box.children.length - MOST_LINES; spare > 0; spare -= 1) box.firstElementChild.remove();
    box.scrollTop = box.scrollHeight;
    followedTo = box.scrollTop;
  }

  // Asked at each scroll, not before a swap: lines may come and the reader move up within one frame.
  const scrolled = (event) => {
    if (event.target.id !== "grid-log" || event.target.scrollTop === followedTo) return;
    atEnd = isAtEnd(event.target);
    followedTo = -1;
  };
  document.addEventListener("scroll", scrolled, { capture: true, passive: true });

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "grid-side") {
      atEnd = true;
      markOpen();
    }
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      renew();
      follow();
    });
  });

  // On a phone the choice of a host opens it.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pick]")) event.target.form.submit();
  });

  follow();
  document.querySelectorAll("[data-picked]").forEach((button) => (button.hidden = true));
})();
