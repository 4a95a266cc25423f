// The editor of compositions. Its value is a list of compositions in the form that demo/input/columns.py reads.
const root = element.querySelector(".mse-columns");
const LEAST = 2;
let columns = [];
let timer = null;

function publish(wait) {
  props.value = JSON.parse(JSON.stringify(columns));
  clearTimeout(timer);
  timer = setTimeout(() => trigger("edit"), wait);
}

function adapters() {
  return props.adapters || {};
}

function objectives() {
  const there = new Set(Object.values(adapters()).flat());
  return (props.objectives || []).filter((name) => there.has(name));
}

function ends(column) {
  if (column.ends) return column.ends;
  const named = Object.keys(column.weights || {});
  // Mix two objectives if at least half of the languages have each; else weight the one that most languages have.
  const all = Object.values(adapters()).filter((names) => names.length);
  const having = (name) => all.filter((names) => names.includes(name)).length;
  const most = objectives().sort((a, b) => having(b) - having(a))[0];
  if (named.length >= 2) column.ends = named.slice(0, 2);
  else if (named.length === 1) column.ends = ["none", named[0]];
  else if (2 * Math.min(having("paraphrase"), having("parallel")) >= all.length) column.ends = ["paraphrase", "parallel"];
  else column.ends = ["none", most || "both"];
  return column.ends;
}

function weights(between, share) {
  const mixed = {};
  const [from, to] = between;
  if (from !== "none") mixed[from] = Math.round((1 - share) * 100) / 100;
  if (to !== "none") mixed[to] = Math.round((from === to ? 1 : share) * 100) / 100;
  return mixed;
}

function share(column, values) {
  const [from, to] = ends(column);
  if (values && to in values) return values[to];
  if (values && from in values) return 1 - values[from];
  return 0.5;
}

function choice(column) {
  return column.kind === "aligned" && column.by ? `aligned:${column.by}` : column.kind;
}

function kinds(column, index) {
  const select = el("select", { "aria-label": `Composition ${index + 1}` });
  const there = objectives();
  const add = (value, text, usable) => {
    const option = el("option", { value, text: usable ? text : `${text} (no adapter here)` });
    option.disabled = !usable;
    select.append(option);
  };
  const some = Object.keys(props.modules || {}).length > 0;
  add("base", "Base, no modules", true);
  add("modules", "Modules, not aligned", some);
  add("aligned", "Aligned, by both if available", there.length > 0);
  for (const name of props.objectives || []) add(`aligned:${name}`, `Aligned by ${name}`, there.includes(name));
  add("blend", "Blend of adapters", there.length > 0);
  select.value = choice(column);
  select.addEventListener("change", () => {
    const [kind, by] = select.value.split(":");
    const fresh = { kind };
    if (by) fresh.by = by;
    if (kind === "blend") fresh.weights = weights(ends(fresh), 0.5);
    columns[index] = fresh;
    draw();
    root.querySelectorAll("select[aria-label^='Composition']")[index].focus();
    publish(60);
  });
  return select;
}

function slider(label, value, change) {
  const input = el("input", { type: "range", min: "0", max: "1", step: "0.05", "aria-label": label });
  input.value = value;
  const shown = el("output", { text: Number(value).toFixed(2) });
  input.addEventListener("input", () => {
    shown.textContent = Number(input.value).toFixed(2);
    change(Number(input.value));
    publish(250);
  });
  return [input, shown];
}

function blend(column, index) {
  const between = ends(column);
  const names = ["none", ...objectives()];
  const pick = (side, label) => {
    const select = el("select", { "aria-label": `${label} of blend ${index + 1}` });
    for (const name of names) select.append(el("option", { value: name, text: name }));
    select.value = between[side];
    select.addEventListener("change", () => {
      column.ends = side === 0 ? [select.value, between[1]] : [between[0], select.value];
      column.weights = weights(column.ends, share(column, null));
      delete column.languages;
      draw();
      publish(60);
    });
    return select;
  };
  const all = slider(`Blend ${index + 1}, all languages, from ${between[0]} to ${between[1]}`, share(column, column.weights),
    (value) => { column.weights = weights(between, value); });
  const line = el("div", { class: "mse-blend" }, pick(0, "Left end"), ...all, pick(1, "Right end"));
  const own = el("details", { class: "mse-own" }, el("summary", { text: "Per language" }));
  if (Object.keys(column.languages || {}).length) own.open = true;
  for (const code of Object.keys(adapters())) {
    if (!adapters()[code].length) continue;
    const values = (column.languages || {})[code];
    const box = el("input", { type: "checkbox", "aria-label": `Own weights for ${code}, blend ${index + 1}` });
    box.checked = Boolean(values);
    const [input, shown] = slider(`Blend ${index + 1}, ${code}`, share(column, values || column.weights), (value) => {
      column.languages = { ...(column.languages || {}), [code]: weights(between, value) };
      box.checked = true;
    });
    box.addEventListener("change", () => {
      const others = { ...(column.languages || {}) };
      if (box.checked) others[code] = weights(between, Number(input.value));
      else delete others[code];
      column.languages = others;
      publish(60);
    });
    own.append(el("div", { class: "mse-blend" }, box, el("span", { class: "mse-code", text: code }), input, shown));
  }
  return [line, own];
}

function card(column, index) {
  const remove = el("button", { type: "button", "aria-label": `Remove composition ${index + 1}`, title: "Remove", text: "×" });
  remove.disabled = columns.length <= LEAST;
  remove.addEventListener("click", () => {
    columns.splice(index, 1);
    draw();
    publish(60);
  });
  const top = el("div", { class: "mse-column-top" }, el("span", { class: "mse-number", text: String(index + 1) }),
    kinds(column, index), remove);
  return el("div", { class: "mse-column", role: "group", "aria-label": `Composition ${index + 1}` }, top,
    ...(column.kind === "blend" ? blend(column, index) : []));
}

function draw() {
  const more = el("button", { type: "button", class: "mse-add", text: "+ Add a composition" });
  more.disabled = columns.length >= (props.most || 4);
  more.addEventListener("click", () => {
    const fresh = { kind: objectives().length ? "blend" : "base" };
    if (fresh.kind === "blend") fresh.weights = weights(ends(fresh), 0.5);
    columns.push(fresh);
    draw();
    publish(60);
  });
  root.replaceChildren(...columns.map(card), more);
}

function take() {
  const given = Array.isArray(props.value) ? props.value : [];
  if (JSON.stringify(given) === JSON.stringify(columns)) return;
  columns = JSON.parse(JSON.stringify(given));
  draw();
}

take();
draw();
watch("value", take);
watch(["adapters", "modules"], draw);
