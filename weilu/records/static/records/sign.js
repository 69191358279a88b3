// The signature pad: strokes of whole points, in the pad's own units, sent as JSON with the form.
"use strict";
document.querySelectorAll("form[data-sign]").forEach((form) => {
  const pad = form.querySelector("[data-pad]");
  const field = form.querySelector("[data-strokes]");
  const instead = form.querySelector("[data-instead]");
  const pen = pad.getContext("2d");
  const most = 4000;
  let strokes = [];
  let drawing = null;

  try { strokes = JSON.parse(field.value || "[]"); } catch { strokes = []; }
  if (!Array.isArray(strokes)) strokes = [];

  const place = (event) => {
    const box = pad.getBoundingClientRect();
    const within = (value, limit) => Math.max(0, Math.min(limit, Math.round(value)));
    return [
      within(((event.clientX - box.left) / box.width) * pad.width, pad.width),
      within(((event.clientY - box.top) / box.height) * pad.height, pad.height),
    ];
  };
  const count = () => strokes.reduce((sum, stroke) => sum + stroke.length, 0);
  const draw = () => {
    pen.clearRect(0, 0, pad.width, pad.height);
    pen.strokeStyle = "#CFD5DE";
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(24, pad.height - 40);
    pen.lineTo(pad.width - 24, pad.height - 40);
    pen.stroke();
    pen.strokeStyle = "#111";
    pen.lineWidth = 4.5;
    pen.lineCap = pen.lineJoin = "round";
    for (const stroke of strokes) {
      pen.beginPath();
      stroke.forEach(([x, y], at) => (at ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      if (stroke.length === 1) pen.lineTo(stroke[0][0] + 0.1, stroke[0][1]);
      pen.stroke();
    }
  };
  const keep = () => { field.value = strokes.length ? JSON.stringify(strokes) : ""; draw(); };

  pad.addEventListener("pointerdown", (event) => {
    if (event.button || count() >= most) return;
    pad.setPointerCapture(event.pointerId);
    drawing = [place(event)];
    strokes.push(drawing);
    event.preventDefault();
    keep();
  });
  pad.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    const steps = event.getCoalescedEvents ? event.getCoalescedEvents() : [event];
    for (const step of steps.length ? steps : [event]) {
      const [x, y] = place(step);
      const [lastX, lastY] = drawing[drawing.length - 1];
      if (Math.hypot(x - lastX, y - lastY) >= 2 && count() < most) drawing.push([x, y]);
    }
    keep();
  });
  const lift = () => { drawing = null; };
  pad.addEventListener("pointerup", lift);
  pad.addEventListener("pointercancel", lift);
  form.querySelector("[data-clear]").addEventListener("click", () => { strokes = []; keep(); });
  const shut = () => pad.toggleAttribute("data-off", instead.checked);
  instead.addEventListener("change", shut);
  shut();
  draw();
});
