// Moves the skeletons, all of a pair by one clock; still for those who asked for less motion, and on paper.
(() => {
  const drawings = JSON.parse(document.getElementById("skeletons").textContent);
  const canvases = [...document.querySelectorAll("canvas[data-skeleton]")];
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let playing = !calm.matches;
  let shown = -1;

  function draw(frame) {
    const css = getComputedStyle(document.documentElement);
    const colour = (name) => css.getPropertyValue(name).trim();
    const colours = { "-1": colour("--accent"), 0: colour("--muted"), 1: colour("--warm") };
    for (const canvas of canvases) {
      const { frames, bones, sides } = drawings[canvas.dataset.skeleton];
      const points = frames[frame % frames.length];
      const pen = canvas.getContext("2d");
      pen.setTransform(canvas.width / 240, 0, 0, canvas.height / 240, 0, 0);
      pen.clearRect(0, 0, 240, 240);
      pen.lineCap = "round";
      bones.forEach(([a, b], place) => {
        const ends = [points[2 * a], points[2 * a + 1], points[2 * b], points[2 * b + 1]];
        if (ends.includes(null)) return;
        pen.strokeStyle = colours[sides[place]];
        pen.lineWidth = sides[place] ? 2 : 3;
        pen.beginPath();
        pen.moveTo(ends[0], ends[1]);
        pen.lineTo(ends[2], ends[3]);
        pen.stroke();
      });
    }
  }

  const count = Math.max(...drawings.map(({ frames }) => frames.length));
  function tick(time) {
    // The last frame stays for a moment.
    const frame = Math.min(count - 1, Math.floor(time / 70) % (count + 8));
    if (playing && frame !== shown) draw((shown = frame));
    requestAnimationFrame(tick);
  }
  const button = document.getElementById("skeletons-play");
  const say = () => (button.textContent = playing ? "Pause" : "Play");
  button.addEventListener("click", () => {
    playing = !playing;
    say();
  });
  say();
  draw(count >> 1);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(Math.max(0, shown)));
  requestAnimationFrame(tick);
})();
