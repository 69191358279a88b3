// Small conveniences; every page works without them.
(() => {
  // A dialog named by data-dialog opens from its button.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.dialog);
      if (dialog) {
        event.preventDefault();
        dialog.showModal();
      }
    }
    const copier = event.target.closest("[data-copy]");
    if (copier && navigator.clipboard) navigator.clipboard.writeText(copier.dataset.copy);
    const eye = event.target.closest("[data-reveal]");
    if (eye) {
      const entry = document.getElementById(eye.dataset.reveal);
      entry.type = entry.type === "password" ? "text" : "password";
      eye.setAttribute("aria-pressed", String(entry.type === "text"));
    }
    const closer = event.target.closest("dialog [data-close]");
    if (closer) {
      event.preventDefault();
      closer.closest("dialog").close();
    }
    const adder = event.target.closest("[data-add]");
    if (adder) addRow(document.getElementById(adder.dataset.add));
    const chip = event.target.closest("[data-show]");
    if (chip) filter(chip);
    // A click beside an open menu closes it.
    document.querySelectorAll("details[open].org, .rail-foot details[open], details[open][data-menu]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });

  // One more blank row in a form, copied from the last.
  function addRow(list) {
    const row = list.lastElementChild.cloneNode(true);
    row.querySelectorAll("input").forEach((entry) => (entry.value = ""));
    list.append(row);
    row.querySelector("input").focus();
  }
  document.querySelectorAll("[data-add]").forEach((adder) => (adder.hidden = false));

  // Filter chips of a list: data-show="" shows all, else the rows whose data-kind names it.
  function filter(chip) {
    const list = document.getElementById(chip.dataset.of);
    chip.parentElement.querySelectorAll("[data-show]").forEach((other) => {
      other.setAttribute("aria-pressed", String(other === chip));
    });
    list.querySelectorAll("[data-kind]").forEach((row) => {
      row.hidden = Boolean(chip.dataset.show) && !row.dataset.kind.split(" ").includes(chip.dataset.show);
    });
  }

  // Rows ticked: how many, and how many of them can be signed together.
  document.querySelectorAll("[data-picking]").forEach((form) => {
    const bar = form.querySelector("[data-bulk]");
    const all = form.querySelector("[data-pick-all]");
    const boxes = [...form.querySelectorAll('[name="item"]')];
    const tell = () => {
      const ticked = boxes.filter((box) => box.checked);
      const ready = ticked.filter((box) => !("not" in box.dataset)).length;
      const words = ready === ticked.length ? bar.dataset.ready : bar.dataset.mixed;
      bar.querySelector("[data-bulk-words]").textContent = words.replace("%s", ticked.length).replace("%r", ready);
      all.checked = boxes.length > 0 && ticked.length === boxes.length;
      all.indeterminate = ticked.length > 0 && !all.checked;
    };
    all.addEventListener("change", () => {
      boxes.forEach((box) => (box.checked = all.checked));
      tell();
    });
    form.addEventListener("change", tell);
    form.addEventListener("reset", () => setTimeout(tell));
    tell();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.querySelectorAll("details[open][data-menu]").forEach((menu) => (menu.open = false));
  });

  // A form is sent once: the second click finds the button shut until the page answers.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
  });
})();
