// Filters of the plan's page; without scripts every change is shown.
(() => {
  const form = document.getElementById("filters");
  if (!form) return;
  const changes = [...document.querySelectorAll(".change")];
  const texts = new Map(changes.map((change) => [change, change.textContent.toLowerCase()]));
  const selects = [...form.querySelectorAll("select")];
  const words = document.getElementById("words");
  const shown = document.getElementById("shown");
  const apply = () => {
    const wanted = words.value.trim().toLowerCase();
    let count = 0;
    for (const change of changes) {
      const fits = selects.every((one) => !one.value || change.dataset[one.dataset.filter] === one.value);
      change.hidden = !fits || (wanted !== "" && !texts.get(change).includes(wanted));
      count += change.hidden ? 0 : 1;
    }
    for (const group of document.querySelectorAll(".group"))
      group.hidden = !group.querySelector(".change:not([hidden])");
    const environment = selects.find((one) => one.dataset.filter === "environment").value;
    for (const target of document.querySelectorAll(".target"))
      target.hidden = environment !== "" && target.dataset.environment !== environment;
    shown.textContent = `${count} of ${shown.dataset.total} shown`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  form.hidden = false;
})();
