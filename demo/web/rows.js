// The table of sentences: language, sentence, meaning. Its value is a list of rows; text is inserted as text, never as HTML.
const root = element.querySelector(".mse-rows");
let rows = [];
const selects = new WeakMap();  // the select of each row that the page shows now: Enter redraws the table
let timer = null;
let unfolded = false;  // on a phone, a long table would push the results out of sight
const FOLDED = 4;

function publish(soon) {
  props.value = rows.map((row) => ({ ...row }));
  clearTimeout(timer);
  timer = setTimeout(() => trigger("edit"), soon ? 60 : 700);
}

function options(select, row) {
  const known = props.languages || [];
  const groups = [
    [true, "With a module here"],
    [false, "Other languages (the base's vectors)"],
  ];
  select.replaceChildren();
  for (const [has, title] of groups) {
    const members = known.filter((item) => item[2] === has);
    if (!members.length) continue;
    const group = el("optgroup", { label: title });
    for (const [code, name] of members) group.append(el("option", { value: code, text: name, title: code }));
    select.append(group);
  }
  if (row.language && !known.some((item) => item[0] === row.language)) {
    select.append(el("option", { value: row.language, text: row.language }));
  }
  if (!row.language) select.prepend(el("option", { value: "", text: "guess" }));
  select.value = row.language || "";
}

async function guess(row) {
  const text = row.text;
  if (!text.trim() || (row.language && !row.guessed)) return;
  try {
    const code = await server.guess(text);
    if (row.text !== text || (row.language && !row.guessed)) return;
    row.language = code;
    row.guessed = true;
    options(selects.get(row), row);
    mark(selects.get(row), row);
  } catch (error) {
    // The server guesses again when it compares.
  }
}

function mark(select, row) {
  select.classList.toggle("mse-guessed", Boolean(row.guessed && row.language));
  select.title = row.guessed && row.language ? "This is a guess: choose another language if it is wrong" : "";
}

function line(row, index) {
  const name = `sentence ${index + 1}`;
  const select = el("select", { "aria-label": `Language of ${name}` });
  selects.set(row, select);
  options(select, row);
  mark(select, row);
  select.addEventListener("change", () => {
    row.language = select.value;
    row.guessed = false;
    mark(select, row);
    publish(true);
  });
  const text = el("textarea", {
    "aria-label": `Text of ${name}`, dir: "auto", rows: "1", maxlength: String(props.characters || 500),
    placeholder: "Write a sentence, in any language",
  });
  text.value = row.text;
  text.addEventListener("input", () => {
    row.text = text.value;
    fit(text);
    publish(false);
  });
  text.addEventListener("change", async () => {
    await guess(row);
    publish(true);
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    add(index + 1);
  });
  const meaning = el("input", {
    "aria-label": `Meaning of ${name}: the same for translations`, title: "The same for translations of each other",
    maxlength: "40", value: row.meaning || "", autocomplete: "off",
  });
  meaning.addEventListener("change", () => {
    row.meaning = meaning.value.trim();
    publish(true);
  });
  const remove = el("button", { type: "button", "aria-label": `Remove ${name}`, title: "Remove", text: "×" });
  remove.addEventListener("click", () => {
    rows.splice(index, 1);
    draw();
    publish(true);
    const next = root.querySelectorAll("textarea")[Math.min(index, rows.length - 1)];
    if (next) next.focus();
  });
  return el("div", { class: "mse-row", role: "group", "aria-label": name }, select, text, meaning, remove);
}

function fit(text) {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + 2}px`;
}

function add(at) {
  if (rows.length >= (props.most || 64)) return;
  unfolded = unfolded || at >= FOLDED;
  rows.splice(at, 0, { language: "", text: "", meaning: "", guessed: true });
  draw();
  publish(false);
  root.querySelectorAll("textarea")[at].focus();
}

function draw() {
  const head = el("div", { class: "mse-row mse-row-head", "aria-hidden": "true" },
    el("span", { text: "Language" }), el("span", { text: "Sentence" }), el("span", { text: "Meaning" }), el("span"));
  const more = el("button", { type: "button", class: "mse-add", text: "+ Add a sentence" });
  more.disabled = rows.length >= (props.most || 64);
  more.addEventListener("click", () => add(rows.length));
  const empty = rows.length ? [] : [el("p", { class: "mse-notice mse-empty",
    text: "No sentences yet: add one, choose examples, or paste some lines." })];
  const folded = !unfolded && rows.length > FOLDED && matchMedia("(max-width: 700px)").matches;
  const shown = folded ? rows.slice(0, FOLDED) : rows;
  const rest = el("button", { type: "button", class: "mse-add mse-unfold", text: `Show all ${rows.length} sentences` });
  rest.addEventListener("click", () => { unfolded = true; draw(); root.querySelectorAll("textarea")[FOLDED].focus(); });
  root.replaceChildren(head, ...empty, ...shown.map(line), ...(folded ? [rest, " "] : []), more);
  root.querySelectorAll("textarea").forEach(fit);
}

function take() {
  const given = Array.isArray(props.value) ? props.value : [];
  if (JSON.stringify(given) === JSON.stringify(rows)) return;
  rows = given.map((row) => ({
    language: String(row.language || ""), text: String(row.text || ""),
    meaning: String(row.meaning || ""), guessed: Boolean(row.guessed),
  }));
  draw();
}

take();
draw();
watch("value", take);
watch("languages", draw);
if (document.fonts) document.fonts.ready.then(() => root.querySelectorAll("textarea").forEach(fit));
new ResizeObserver(() => root.querySelectorAll("textarea").forEach(fit)).observe(root);
