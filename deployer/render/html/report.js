// Filters: one set for every list, the heat map and the numbers. Without this script everything is shown.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const form = document.getElementById("filters");
  const field = (name) => document.getElementById("f-" + name);
  const steps = [1, 3, 6, 11];  // as in report_attack.py
  const rows = [...document.querySelectorAll("tr[data-r]")];
  const places = new Map(data.spots.map(([id], place) => [id, place]));
  const parents = data.spots.map(([id, parent]) => parent && places.has(parent) ? places.get(parent) : -1);
  // what a rule counts for: its techniques, and those that its subtechniques belong to
  const above = (own) => [...new Set(own.flatMap((spot) => parents[spot] < 0 ? [spot] : [spot, parents[spot]]))];
  const spots = data.rules.map((rule) => above(rule[4]));
  // a target may run another content: what a rule is there, by the place of the target
  for (const rule of data.rules) {
    const there = {};
    for (const [severity, own, places] of rule[7]) [...places].forEach((is, place) => { if (is === "1") there[place] = [severity, own]; });
    rule[7] = there;
  }
  const severityIn = (rule, env) => rule[7][env] ? rule[7][env][0] : rule[0];
  const spotsIn = (number, env) => data.rules[number][7][env] ? above(data.rules[number][7][env][1]) : spots[number];
  const texts = new Array(data.rules.length);
  const names = new Map();
  for (const row of document.querySelectorAll(".all tr[data-r]")) names.set(Number(row.dataset.r), row.cells[0].textContent);
  const text = (number) => texts[number] ??= [names.get(number) || "", data.rules[number][6], ...data.rules[number][5].map((tag) => data.tags[tag]), ...spots[number].map((spot) => data.spots[spot][0])].join("\n").toLowerCase();

  const asked = () => ({
    words: field("text").value.toLowerCase().split(/\s+/).filter(Boolean),
    severity: data.severities.indexOf(field("severity").value),
    type: data.types.indexOf(field("type").value),
    env: field("env").value,
  });
  const there = (rule, env) => env === "" || (env === "git" ? rule[3] === 1 : rule[2][Number(env)] !== "0");
  const fits = (number, ask) => {
    const rule = data.rules[number];
    if (!rule) return true;
    return (ask.severity < 0 || severityIn(rule, ask.env) === ask.severity) && (ask.type < 0 || rule[1] === ask.type) && ask.words.every((word) => text(number).includes(word));
  };
  const inGit = (env) => env === "git" || !data.targets.length;

  // the techniques for which a rule runs where that is asked, and those for which it is there at all
  function counts(number, ask) {
    const rule = data.rules[number];
    const on = [...rule[2]].flatMap((state, place) => state === "2" ? [place] : []);
    const any = new Set(spots[number]);
    for (const place of Object.keys(rule[7])) spotsIn(number, place).forEach((spot) => any.add(spot));
    if (inGit(ask.env)) return [rule[3] ? spots[number] : [], any];
    if (ask.env !== "") return [rule[2][ask.env] === "2" ? spotsIn(number, ask.env) : [], any];
    return [new Set(on.flatMap((place) => spotsIn(number, place))), any];
  }

  function heat(fitting, ask) {
    const running = new Array(data.spots.length).fill(0), any = new Array(data.spots.length).fill(0);
    for (const number of fitting) {
      if (!data.rules[number][3] && !/[12]/.test(data.rules[number][2])) continue;  // deprecated, and nowhere
      const [here, anywhere] = counts(number, ask);
      here.forEach((spot) => { running[spot] += 1; });
      anywhere.forEach((spot) => { any[spot] += 1; });
    }
    for (const column of document.querySelectorAll(".tactic")) {
      let covered = 0;
      for (const button of column.querySelectorAll("button")) {
        const count = running[button.dataset.k];
        covered += count > 0;
        button.querySelector("b").textContent = count;
        button.dataset.heat = count ? steps.filter((step) => count >= step).length : any[button.dataset.k] ? "idle" : "gap";
      }
      column.querySelector(".covered").textContent = covered;
    }
    const where = inGit(ask.env) ? "in git" : ask.env === "" ? "that run in any environment" : "that run in " + data.targets[Number(ask.env)];
    document.getElementById("heat-says").textContent = "Rules " + where + (narrowed(ask) ? ", of those that the filters show." : ".");
  }

  function count(fitting, ask) {
    const table = document.getElementById("counts");
    const columns = [...data.severities].reverse();
    const found = data.types.map(() => columns.map(() => 0));
    for (const number of fitting) {
      const rule = data.rules[number];
      const severity = severityIn(rule, ask.env);
      if (rule[1] >= 0 && severity >= 0 && (ask.env === "" ? rule[3] === 1 : there(rule, ask.env))) found[rule[1]][columns.length - 1 - severity] += 1;
    }
    const write = (row, numbers) => [...row.cells].slice(1).forEach((cell, place) => { cell.textContent = (place < numbers.length ? numbers[place] : numbers.reduce((a, b) => a + b, 0)).toLocaleString("en"); });
    for (const row of table.querySelectorAll("tr[data-t]")) write(row, found[row.dataset.t]);
    write(table.querySelector(".sum"), columns.map((_, place) => found.reduce((sum, row) => sum + row[place], 0)));
    document.getElementById("counts-says").textContent = ask.env === "" || ask.env === "git" ? "Rules in git that are not deprecated." : "Rules in " + data.targets[Number(ask.env)] + ".";
  }

  const narrowed = (ask) => ask.words.length || ask.severity >= 0 || ask.type >= 0;

  function filter() {
    const ask = asked();
    const fitting = data.rules.map((_, number) => number).filter((number) => fits(number, ask));
    const shown = new Set(fitting);
    for (const row of rows) {
      const number = Number(row.dataset.r);
      const here = row.closest(".all") ? !data.rules[number] || there(data.rules[number], ask.env) : true;
      row.hidden = !((number >= data.rules.length || shown.has(number)) && here);
    }
    for (const part of document.querySelectorAll("[data-target]")) part.hidden = ask.env !== "" && ask.env !== "git" && part.dataset.target !== ask.env;
    for (const note of document.querySelectorAll(".empty")) {
      const list = note.previousElementSibling.querySelectorAll("tr[data-r]");
      note.hidden = !list.length || [...list].some((row) => !row.hidden);
    }
    const counted = fitting.filter((number) => there(data.rules[number], ask.env)).length;
    field("count").textContent = counted.toLocaleString("en") + " of " + data.rules.length.toLocaleString("en") + " rules";
    heat(fitting, ask);
    count(fitting, ask);
  }

  let waiting = 0;
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); };
  form.addEventListener("input", soon);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("heat").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    field("text").value = data.spots[button.dataset.k][0];
    filter();
    document.getElementById("rules").scrollIntoView();
    field("text").focus({ preventScroll: true });
  });
  form.hidden = false;
  // the page shows everything as it was written; only what a browser kept in the fields from before is applied
  const kept = asked();
  if (narrowed(kept) || kept.env) filter();
})();
