// Draws the charts of a board; everything else on the page works without this.
"use strict";

const dark = window.matchMedia("(prefers-color-scheme: dark)");

function config() {
  const [ink, line] = dark.matches ? ["#e6e9ee", "#3a4452"] : ["#1c2430", "#dfe4ea"];
  const category = dark.matches
    ? ["#8ebdf5", "#ffb86b", "#7fd6a0", "#ff9a8f", "#c7a6ff", "#f2d26b", "#7fd9e0", "#f5a3cf"]
    : ["#0b57a4", "#b35400", "#12682f", "#a8261b", "#6a3fb5", "#7a6200", "#006d77", "#a3226f"];
  const text = { labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12 };
  return {
    aria: false, background: null, view: { stroke: null }, font: "system-ui, sans-serif", range: { category },
    axis: { ...text, labelOverlap: true, gridColor: line, domainColor: line, tickColor: line }, legend: { ...text, symbolStrokeWidth: 2 }, header: text, axisQuantitative: { tickCount: 5 },
    mark: { color: category[0] }, line: { color: category[0] }, bar: { color: category[0] },
    point: { color: category[0], filled: true }, rule: { color: ink }, text: { color: ink }, title: { color: ink },
  };
}

async function draw(place) {
  const spec = JSON.parse(document.getElementById(place.dataset.spec).textContent);
  // `ast` has expressions interpreted, so that the page needs no eval.
  const options = { mode: "vega-lite", actions: false, renderer: "svg", ast: true, config: config(), tooltip: { theme: dark.matches ? "dark" : "light" } };
  try {
    await window.vegaEmbed(place, spec, options);
    // The chart has a name, and its numbers stand below it: nobody has to listen to its marks.
    place.querySelector("svg").setAttribute("aria-hidden", "true");
    place.dataset.drawn = "yes";
  } catch (error) {
    place.textContent = `This chart can't be drawn: ${error.message}`;
    place.dataset.drawn = "no";
  }
}

function drawAll() {
  document.querySelectorAll(".chart").forEach(draw);
}

drawAll();
dark.addEventListener("change", drawAll);
