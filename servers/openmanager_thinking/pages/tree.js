// Draws a chain of thoughts as a tree and follows it. Thoughts are foreign text: they only ever become text nodes.

const PAGE_OF_THOUGHTS = { limit: 500, thought_chars: 600, max_chars: 400_000 };
const WHOLE = { limit: 1, thought_chars: 1_000_000, max_chars: 8_000_000 };
const MOST_DRAWN = 20_000;
const DEEPEST = 10; // deeper branches are not indented further: a page is narrow
const HUES = [215, 150, 35, 285, 0, 185, 320, 60, 250, 100];

const $ = (id) => document.getElementById(id);
const thoughts = new Map(); // seq -> { row, fields, depth, line }
const folded = new Set(); // seqs of thoughts whose branches are folded away
let chainId = "";
let lastSeq = 0;
let selected = 0;
let order = [];
let loading = null;

const watch = new Watch(async () => {
  try {
    const before = lastSeq;
    const chain = await load();
    if (chain === null || !chain.open) return "stop";
    return lastSeq > before ? "news" : "nothing";
  } catch (error) {
    if (error.code === -32601 || /^not_found\b/.test(error.message)) {
      complain(error);
      return "stop";
    }
    return "failed";
  }
}, { onChange: (on) => $("follow").setAttribute("aria-pressed", String(on)) });

/** Fetch what is new, page by page; calls that come while it runs wait for the same one. */
function load() {
  loading ??= fetchAll().finally(() => { loading = null; });
  return loading;
}

async function fetchAll() {
  let chain = null;
  let added = 0;
  do {
    chain = await bridge.call({ chainId, after: lastSeq, ...PAGE_OF_THOUGHTS });
    if (chain === null || typeof chain !== "object") throw new Error(said("the answer holds no chain", "응답에 체인이 없습니다"));
    if (bridge.isEnded()) return null;
    added += adopt(chain);
  } while (chain.more && thoughts.size < MOST_DRAWN);
  $("message").textContent = chain.more ? said(`Only the first ${thoughts.size} thoughts are drawn.`, `처음 ${thoughts.size}개만 그렸습니다.`) : "";
  if (added) $("news").textContent = said(`${added} new thoughts, ${thoughts.size} in all`, `새 생각 ${added}개, 모두 ${thoughts.size}개`);
  return chain;
}

/** Take an answer in; thoughts that leave a gap before them are left for a later call. */
function adopt(chain) {
  chainId = chain.chainId;
  const first = thoughts.size === 0;
  let added = 0;
  for (const fields of chain.thoughts) {
    if (fields.seq !== lastSeq + 1) continue;
    thoughts.set(fields.seq, { fields, row: rowOf(fields, !first), depth: 0, line: 0 });
    lastSeq = fields.seq;
    added += 1;
    thoughts.get(fields.revisesSeq)?.row.classList.add("revised");
  }
  describe(chain);
  if (added) arrange();
  return added;
}

function describe(chain) {
  $("title").textContent = chain.title;
  const state = $("state");
  state.hidden = false;
  state.className = `pill ${chain.open ? "warn" : "good"}`;
  state.textContent = chain.open ? said("open", "진행 중") : said("concluded", "결론 남");
  $("facts").textContent = said(
    `${chain.thoughtHistoryLength} thoughts, ${chain.branchCount} branches · ${chain.chainId}`,
    `생각 ${chain.thoughtHistoryLength}개, 가지 ${chain.branchCount}개 · ${chain.chainId}`,
  );
  const end = chain.conclusion;
  $("conclusion").hidden = !end;
  if (!end) return;
  const sure = `${Math.round(end.confidence * 100)}%`;
  $("conclusion").classList.toggle("earlier", chain.open);
  $("conclusion-title").textContent = chain.open
    ? said(`Earlier conclusion (${sure} sure)`, `이전 결론 (확신 ${sure})`)
    : said(`Conclusion (${sure} sure)`, `결론 (확신 ${sure})`);
  $("conclusion-text").textContent = end.text + (end.chars ? " …" : "");
  $("questions").replaceChildren(...end.openQuestions.map((text) => element("li", { text })));
}

function rowOf(fields, fresh) {
  const head = element("div", { className: "head" });
  head.append(element("span", { className: "number", text: `${fields.thoughtNumber}/${fields.totalThoughts}` }));
  if (fields.branchFromThought) head.append(element("span", { className: "branch", text: `⎇ ${fields.branchId}` }));
  if (fields.revisesThought) {
    head.append(element("span", { className: "revises", text: said(`revises ${fields.revisesThought}`, `${fields.revisesThought} 수정`) }));
  }
  if (!fields.nextThoughtNeeded) head.append(element("span", { text: said("the last for now", "일단 마지막") }));
  head.append(element("span", { text: fields.at }));
  const text = element("div", { className: "text", text: fields.thought + (fields.chars ? " …" : "") });
  const row = element("div", { className: fresh ? "thought fresh" : "thought", role: "treeitem", tabindex: -1, id: `t${fields.seq}`, "data-seq": fields.seq, "data-parent": fields.parentSeq, "data-branch": fields.branchId ?? "" }, head, text);
  if (fields.revisesSeq) row.dataset.revises = fields.revisesSeq;
  return row;
}

/** Put the rows in the order of the tree: a branch stands below the thought at which it begins, then its line goes on. */
function arrange() {
  const lines = new Map(); // name of a line -> its thoughts
  const begun = new Map(); // seq -> names of the lines that begin there
  for (const { fields } of thoughts.values()) {
    const name = fields.branchId ?? "";
    if (!lines.has(name)) {
      lines.set(name, []);
      const origin = name !== "" && fields.parentSeq < fields.seq ? fields.parentSeq : 0;
      begun.set(origin, [...(begun.get(origin) ?? []), name]);
    }
    lines.get(name).push(fields.seq);
  }
  const hueOf = new Map([...lines.keys()].map((name, at) => [name, at]));
  order = [];
  const walks = (begun.get(0) ?? []).reverse().map((name) => ({ name, at: 0, depth: 0, hidden: false }));
  while (walks.length) {
    const walk = walks[walks.length - 1];
    const seq = lines.get(walk.name)[walk.at++];
    if (seq === undefined) {
      walks.pop();
      continue;
    }
    const thought = thoughts.get(seq);
    Object.assign(thought, { depth: walk.depth, line: hueOf.get(walk.name) });
    thought.row.hidden = walk.hidden;
    order.push(seq);
    const names = begun.get(seq) ?? [];
    decorate(thought, names);
    const hidden = walk.hidden || folded.has(seq);
    for (const name of [...names].reverse()) walks.push({ name, at: 0, depth: walk.depth + 1, hidden });
  }
  place();
}

function decorate(thought, names) {
  const { row, fields } = thought;
  row.style.setProperty("--depth", Math.min(thought.depth, DEEPEST));
  row.setAttribute("aria-level", thought.depth + 1);
  const branch = row.querySelector(".branch");
  if (branch) branch.style.color = colour(thought.line);
  let fold = row.querySelector(".fold");
  if (!names.length) return;
  if (!fold) {
    fold = element("button", { type: "button", className: "fold", tabindex: -1 });
    fold.addEventListener("click", (event) => { event.stopPropagation(); setFolded(fields.seq, !folded.has(fields.seq)); });
    row.querySelector(".head").append(fold);
  }
  const isFolded = folded.has(fields.seq);
  row.setAttribute("aria-expanded", String(!isFolded));
  fold.textContent = `${isFolded ? "▸" : "▾"} ${names.length}`;
  fold.setAttribute("aria-label", said(`${names.length} branches`, `가지 ${names.length}개`));
}

/** Move only the rows that are not in their place, so that a long chain grows cheaply and keeps its focus. */
function place() {
  const tree = $("tree");
  let here = tree.firstElementChild;
  for (const seq of order) {
    const { row } = thoughts.get(seq);
    if (row === here) here = here.nextElementSibling;
    else tree.insertBefore(row, here);
  }
  if (!selected && order.length) select(order[0], false);
  draw();
}

function colour(line) {
  return `light-dark(hsl(${HUES[line % HUES.length]} 70% 38%), hsl(${HUES[line % HUES.length]} 75% 68%))`;
}

let drawing = 0;
/** Draw what connects the thoughts, once the browser has laid them out. */
function draw() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => {
    const spots = new Map();
    for (const seq of order) {
      const { row, depth } = thoughts.get(seq);
      if (!row.hidden) spots.set(seq, [22 + 22 * Math.min(depth, DEEPEST), row.offsetTop + 15]);
    }
    const edges = new Map();
    const dots = new Map();
    let revisions = "";
    for (const [seq, [x, y]] of spots) {
      const { fields, line } = thoughts.get(seq);
      dots.set(line, `${dots.get(line) ?? ""}M${x} ${y}h0`);
      const from = spots.get(fields.parentSeq);
      if (from) {
        const bend = from[0] === x ? "" : `V${y - 12}Q${from[0]} ${y} ${x} ${y}`;
        edges.set(line, `${edges.get(line) ?? ""}M${from[0]} ${from[1]}${bend || `V${y}`}`);
      }
      const old = spots.get(fields.revisesSeq);
      if (old) revisions += `M${x} ${y}C${x - 18} ${y} ${old[0] - 18} ${old[1]} ${old[0]} ${old[1]}`;
    }
    const paths = [];
    for (const [line, d] of edges) paths.push(path("edges", d, colour(line)));
    for (const [line, d] of dots) paths.push(path("dots", d, colour(line)));
    if (revisions) paths.push(path("revises", revisions));
    $("edges").replaceChildren(...paths);
  });
}

function path(className, d, stroke) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "path");
  made.setAttribute("class", className);
  made.setAttribute("d", d);
  if (stroke) made.style.stroke = stroke;
  return made;
}

function select(seq, focus = true) {
  const before = thoughts.get(selected)?.row;
  before?.setAttribute("tabindex", "-1");
  before?.removeAttribute("aria-selected");
  selected = seq;
  const { row } = thoughts.get(seq);
  row.setAttribute("tabindex", "0");
  row.setAttribute("aria-selected", "true");
  if (focus) row.focus();
}

function setFolded(seq, fold) {
  if (fold) folded.add(seq);
  else folded.delete(seq);
  arrange();
  if (thoughts.get(selected)?.row.hidden) select(seq);
}

/** Open a thought to its full text, or close it; what was cut is fetched now. */
async function toggle(seq) {
  const thought = thoughts.get(seq);
  const open = thought.row.classList.toggle("open");
  draw();
  if (!open || !thought.fields.chars) return;
  try {
    const whole = (await bridge.call({ chainId, after: seq - 1, ...WHOLE }))?.thoughts?.[0];
    if (whole?.seq !== seq || bridge.isEnded()) return;
    thought.fields = whole;
    thought.row.querySelector(".text").textContent = whole.thought + (whole.chars ? " …" : "");
    draw();
  } catch (error) {
    complain(error);
  }
}

function complain(error) {
  if (!bridge.isEnded()) $("message").textContent = error.message;
}

const shown = () => order.filter((seq) => !thoughts.get(seq).row.hidden);
const KEYS = {
  ArrowDown: (at, all) => select(all[Math.min(at + 1, all.length - 1)]),
  ArrowUp: (at, all) => select(all[Math.max(at - 1, 0)]),
  Home: (at, all) => select(all[0]),
  End: (at, all) => select(all[all.length - 1]),
  Enter: (at, all) => toggle(all[at]),
  " ": (at, all) => toggle(all[at]),
  ArrowRight: (at, all) => {
    const seq = all[at];
    const { row } = thoughts.get(seq);
    if (folded.has(seq)) setFolded(seq, false);
    else if (row.hasAttribute("aria-expanded")) select(all[Math.min(at + 1, all.length - 1)]);
  },
  ArrowLeft: (at, all) => {
    const seq = all[at];
    const { row, fields } = thoughts.get(seq);
    if (row.getAttribute("aria-expanded") === "true") setFolded(seq, true);
    else if (thoughts.has(fields.parentSeq)) select(fields.parentSeq);
  },
};

$("tree").addEventListener("keydown", (event) => {
  const all = shown();
  const at = all.indexOf(selected);
  if (at < 0 || !(event.key in KEYS) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  KEYS[event.key](at, all);
});
$("tree").addEventListener("click", (event) => {
  const row = event.target.closest(".thought");
  if (!row || String(getSelection())) return;
  select(Number(row.dataset.seq));
  toggle(selected);
});
$("follow").addEventListener("click", () => (watch.on ? watch.stop() : watch.start()));
$("refresh").addEventListener("click", () => begin());
new ResizeObserver(draw).observe($("tree"));

/** Draw all there is, then follow it unless it is concluded. */
async function begin() {
  $("refresh").disabled = true;
  try {
    const chain = await load();
    if (chain?.open) watch.start();
  } catch (error) {
    complain(error);
  } finally {
    $("refresh").disabled = false;
  }
}

bridge.start("openmanager-thinking-tree", "show_chain", {
  input: (args) => { chainId ||= String(args.chainId ?? ""); },
  result: (result) => {
    try {
      const chain = bridge.contentOf(result);
      if (lastSeq) { // some hosts tell of the page's own calls too: they must not lead to further ones
        if (chain?.chainId === chainId) adopt(chain);
        return;
      }
      chainId = chain?.chainId ?? chainId;
      begin();
    } catch (error) {
      complain(error);
    }
  },
  cancelled: () => { $("message").textContent = said("The call was cancelled.", "호출이 취소되었습니다."); },
  ended: () => watch.stop(),
  context: () => draw(),
}).catch(complain);
