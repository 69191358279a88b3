// Dragging planned work to another day: the panel beside the calendar answers at each day with what is in the way.
// Without this script the panel's own form asks the same.
(() => {
  const area = document.querySelector("[data-booking-area]");
  const panel = document.getElementById("cal-panel");
  if (!area || !panel) return;
  const days = Number(panel.dataset.days);
  const answers = new Map();
  let drag = null;

  const shifted = (starts, by) => {
    const day = new Date(`${starts.slice(0, 10)}T00:00:00Z`);
    day.setUTCDate(day.getUTCDate() + by);
    return day.toISOString().slice(0, 10) + starts.slice(10);
  };

  const answer = (booking, starts) => {
    const address = `${panel.dataset.check}?booking=${encodeURIComponent(booking)}&starts=${encodeURIComponent(starts)}`;
    if (!answers.has(address)) {
      answers.set(
        address,
        fetch(address, { headers: { "X-Requested-With": "fetch" } }).then((response) => (response.ok ? response.text() : null)),
      );
    }
    return answers.get(address);
  };

  const show = async (of, starts) => {
    panel.setAttribute("aria-busy", "true");
    const text = await answer(of.booking, starts);
    if (!drag || drag !== of || drag.starts !== starts) return;
    if (text === null) {
      location.assign(`?booking=${encodeURIComponent(of.booking)}&starts=${encodeURIComponent(starts)}`);
      return;
    }
    panel.removeAttribute("aria-busy");
    panel.innerHTML = text;
    const blocked = panel.querySelector(".cal-conflicts > li:not(.yields)") !== null;
    of.entry.classList.toggle("refused", blocked);
    of.entry.classList.toggle("act", !blocked);
  };

  area.addEventListener("pointerdown", (event) => {
    const entry = event.target.closest("[data-booking]");
    if (!entry || event.button !== 0) return;
    const box = entry.closest("foreignObject");
    drag = {
      entry, box, pointer: event.pointerId, from: event.clientX, by: 0, moved: false,
      booking: entry.dataset.booking, own: entry.dataset.starts, starts: entry.dataset.starts,
      x: parseFloat(box.getAttribute("x")), look: entry.className, when: entry.querySelector("small"),
    };
  });

  area.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    const distance = event.clientX - drag.from;
    if (!drag.moved && Math.abs(distance) < 6) return;
    if (!drag.moved) {
      drag.moved = true;
      area.append(drag.box); // above the others
      drag.entry.setPointerCapture(event.pointerId);
      drag.entry.classList.add("dragged");
    }
    const column = area.getBoundingClientRect().width / days;
    const place = Math.floor((drag.x / 100) * days + 0.001);
    const by = Math.max(-place, Math.min(days - 1 - place, Math.round(distance / column)));
    if (by === drag.by && drag.asked) return;
    drag.by = by;
    drag.asked = true;
    drag.starts = shifted(drag.own, by);
    drag.box.setAttribute("x", `${drag.x + (100 * by) / days}%`);
    drag.when.textContent = drag.starts.slice(5).replace("T", " ");
    show(drag, drag.starts);
  });

  const settle = (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    const done = drag;
    done.entry.classList.remove("dragged");
    if (!done.moved) {
      drag = null;
      return;
    }
    // The click that ends a drag must not follow the link.
    done.entry.addEventListener("click", (click) => click.preventDefault(), { once: true });
    if (event.type === "pointercancel" || done.by === 0) back(done);
  };
  const back = (done) => {
    done.box.setAttribute("x", `${done.x}%`);
    done.entry.className = done.look;
    done.when.textContent = done.own.slice(5).replace("T", " ");
    done.starts = done.own;
    show(done, done.own);
  };
  area.addEventListener("pointerup", settle);
  area.addEventListener("pointercancel", settle);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && drag && drag.moved) back(drag);
  });
})();
