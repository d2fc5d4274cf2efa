// Draws the figures in the colours of the page, again whenever these change: light, dark, paper.
(() => {
  const specs = JSON.parse(document.getElementById("figures").textContent);
  const options = { displayModeBar: false, responsive: true, plotlyServerURL: "", showSendToCloud: false };

  // Colours are CSS variables with @ in front; only colour keys are looked at, so that no sign's name is taken for one.
  function painted(value, key, css) {
    if (typeof value === "string") {
      const colour = /color/i.test(key) && value.startsWith("@");
      return colour ? css.getPropertyValue("--" + value.slice(1)).trim() : value;
    }
    if (Array.isArray(value)) {
      // Long arrays are data; a colour scale is a short one of pairs.
      return key === "colorscale" ? value.map(([at, name]) => [at, painted(name, "color", css)]) : value;
    }
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, painted(inner, name, css)]));
  }

  function draw(width) {
    const css = getComputedStyle(document.documentElement);
    for (const { id, data, layout } of specs) {
      const element = document.getElementById(id);
      const traces = data.map((trace) => painted(trace, "", css));
      const style = painted(layout, "", css);
      style.font.family = getComputedStyle(document.body).fontFamily;
      if (width) Object.assign(style, { width, autosize: false });
      Plotly.react(element, traces, style, options);
    }
  }

  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  addEventListener("beforeprint", () => {
    document.documentElement.classList.add("paper");
    draw(640);
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("paper");
    draw();
  });

  // Marks where the reader is in the table of contents.
  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of links.values()) link.removeAttribute("aria-current");
        const link = links.get(entry.target.id);
        link.setAttribute("aria-current", "true");
        const list = link.closest("ol");
        if (list.scrollWidth > list.clientWidth) list.scrollLeft = link.offsetLeft - list.clientWidth / 3;
      }
    },
    { rootMargin: "-15% 0px -75% 0px" },
  );
  for (const id of links.keys()) watch.observe(document.getElementById(id));
})();
