// The editor of flows: line numbers, marks at faults, indenting. Everything works without it, by the button 检查.
(() => {
  const form = document.querySelector("[data-editor]");
  if (!form) return;
  const text = form.querySelector("textarea[name=source]");
  const gutter = form.querySelector("[data-gutter]");
  const place = form.querySelector("[data-place]");
  const live = document.getElementById("live");
  const STEP = "  ";
  const saved = text.defaultValue;
  let leaving = false; // after Esc, Tab leaves the text as it leaves any other entry
  let lines = 0;

  form.querySelectorAll("[data-plain]").forEach((button) => (button.hidden = true));
  form.classList.add("with-gutter");

  const wrong = () => {
    const told = live.querySelector("[data-lines]");
    return new Set(told && told.dataset.lines ? told.dataset.lines.split(" ").map(Number) : []);
  };

  function number() {
    const count = text.value.split("\n").length;
    if (count !== lines) {
      lines = count;
      gutter.replaceChildren(...Array.from({ length: count }, (_none, at) => {
        const one = document.createElement("span");
        one.textContent = String(at + 1);
        return one;
      }));
    }
    mark();
  }

  function mark() {
    const at = wrong();
    [...gutter.children].forEach((one, line) => one.classList.toggle("wrong", at.has(line + 1)));
    here();
  }

  function here() {
    const before = text.value.slice(0, text.selectionStart).split("\n");
    [...gutter.children].forEach((one, line) => one.classList.toggle("here", line === before.length - 1));
    place.textContent = place.dataset.words.replace("{l}", before.length).replace("{c}", before.at(-1).length + 1);
  }

  function follow() {
    gutter.scrollTop = text.scrollTop;
  }

  function goTo(line) {
    const all = text.value.split("\n");
    const start = all.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    text.focus({ preventScroll: true });
    text.setSelectionRange(start, start + (all[line - 1] || "").length);
    const height = text.scrollHeight / all.length;
    text.scrollTop = Math.max(0, (line - 4) * height);
    text.scrollLeft = 0;
    text.closest(".box").scrollIntoView({ block: "nearest" });
    follow();
    here();
  }

  // Typed as a person would, so that undo knows it.
  function type(words) {
    if (!document.execCommand("insertText", false, words)) {
      text.setRangeText(words, text.selectionStart, text.selectionEnd, "end");
      text.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }

  function indent(back) {
    const { selectionStart: from, selectionEnd: to, value } = text;
    if (from === to && !back) return type(STEP);
    const first = value.lastIndexOf("\n", from - 1) + 1;
    const last = to > from && value[to - 1] === "\n" ? to - 1 : to;
    const end = value.indexOf("\n", last) < 0 ? value.length : value.indexOf("\n", last);
    const moved = value.slice(first, end).split("\n").map((one) => (back ? one.replace(/^ {1,2}/, "") : STEP + one));
    text.setSelectionRange(first, end);
    type(moved.join("\n"));
    text.setSelectionRange(first, first + moved.join("\n").length);
  }

  text.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Tab" && !leaving) {
      event.preventDefault();
      indent(event.shiftKey);
    } else if (event.key === "Enter") {
      const line = text.value.slice(0, text.selectionStart).split("\n").at(-1);
      const deeper = /^\s*- \S/.test(line) || /:\s*$/.test(line) ? STEP : "";
      event.preventDefault();
      type("\n" + line.match(/^ */)[0] + deeper);
    }
    leaving = event.key === "Escape";
  });

  text.addEventListener("input", () => {
    number();
    text.dispatchEvent(new CustomEvent("flow-typed", { bubbles: true }));
  });
  text.addEventListener("scroll", follow);
  document.addEventListener("selectionchange", () => document.activeElement === text && here());
  live.addEventListener("htmx:afterSwap", mark);
  live.addEventListener("click", (event) => {
    const to = event.target.closest("[data-goto]");
    const step = event.target.closest("[data-line]");
    if (!to && !step) return;
    event.preventDefault();
    goTo(Number(to ? to.dataset.goto : step.dataset.line));
  });

  // What was typed is not lost by a slip: the browser asks before it leaves a changed text.
  let sent = false;
  form.addEventListener("submit", () => (sent = true));
  addEventListener("beforeunload", (event) => {
    if (!sent && text.value !== saved) event.preventDefault();
  });

  number();
})();
