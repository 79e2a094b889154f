// Draws the overview of a fleet and follows it. Names, labels and sentences are foreign text: they only become text nodes.

const MOST_POINTS = 120;
const TONES = { healthy: "good", degraded: "warn", critical: "bad", info: "unknown", warning: "warn" };
const KOREAN = {
  healthy: "정상", degraded: "저하", critical: "심각", unknown: "알 수 없음", info: "참고", warning: "경고",
  server: "서버", cluster: "클러스터", fleet: "전체",
};

const $ = (id) => document.getElementById(id);
const unfolded = new Set(); // keys of entries that the reader has opened
const healths = []; // one for each answer drawn
let asked = {};
let shown = null;
let drawn = null;
let loading = null;

const word = (name) => said(name.replaceAll("_", " "), KOREAN[name] ?? name.replaceAll("_", " "));
const tone = (status) => TONES[status] ?? "unknown";
const rounded = (score) => (score === null ? "–" : String(Math.round(score)));

// An answer is kept for half a minute by the server; asking more often shows nothing new.
const watch = new Watch(async () => {
  try {
    return (await load()) ? "news" : "nothing";
  } catch (error) {
    complain(error);
    return error.code === -32601 ? "stop" : "failed";
  }
}, { soonestMs: 10_000, latestMs: 30_000, onChange: (on) => $("follow").setAttribute("aria-pressed", String(on)) });

/** Ask again; true if what is wrong has changed. Calls that come while it runs wait for the same one. */
function load() {
  loading ??= bridge.call(asked).then(adopt).finally(() => { loading = null; });
  return loading;
}

function adopt(overview) {
  if (overview === null || typeof overview !== "object" || !Array.isArray(overview.worst_clusters)) {
    throw new Error(said("the answer holds no overview", "응답에 현황이 없습니다"));
  }
  if (bridge.isEnded()) return false;
  const gist = gistOf(overview);
  const changed = shown !== null && gist !== shown;
  shown = gist;
  drawn = overview;
  if (overview.health !== null) healths.push(overview.health);
  if (healths.length > MOST_POINTS) healths.shift();
  $("message").textContent = "";
  draw();
  if (changed) {
    $("news").textContent = said(
      `The fleet is ${overview.status} now, health ${rounded(overview.health)}`,
      `지금 전체 상태는 ${word(overview.status)}, 건강 점수 ${rounded(overview.health)}`,
    );
  }
  return changed;
}

/** What makes an answer another one: what is wrong and where, not by how much. */
function gistOf(overview) {
  return JSON.stringify([
    overview.status,
    overview.worst_clusters.map((cluster) => [cluster.id, cluster.status]),
    overview.causes.map((cause) => [cause.node, cause.kind]),
    overview.anomalies.map((anomaly) => anomaly.id),
    overview.open_incidents,
  ]);
}

function draw() {
  if (drawn === null) return;
  const state = $("state");
  state.hidden = false;
  state.className = `pill ${tone(drawn.status)}`;
  state.textContent = word(drawn.status);
  const incidents = said(`${drawn.open_incidents} open incidents`, `열린 장애 ${drawn.open_incidents}건`);
  $("facts").textContent = [drawn.window, drawn.source, incidents].join(" · ");
  drawSummary();
  drawEntries("clusters", drawn.worst_clusters.map(clusterEntry));
  drawEntries("causes", drawn.causes.map(causeEntry));
  drawEntries("anomalies", drawn.anomalies.map(anomalyEntry));
  const more = drawn.anomalies_total - drawn.anomalies.length;
  $("anomalies").querySelector("p").textContent = more > 0 ? said(`and ${more} more`, `그 밖에 ${more}건`) : "";
  drawList("problems", drawn.problems);
  drawList("steps", drawn.next_steps);
}

function drawSummary() {
  $("summary").hidden = false;
  $("score").className = tone(drawn.status);
  $("health").textContent = rounded(drawn.health);
  const trend = $("trend");
  trend.style.display = healths.length > 1 ? "" : "none";
  trend.setAttribute("aria-label", said("health while this page was open", "이 화면을 연 뒤의 건강 점수"));
  const step = 120 / Math.max(healths.length - 1, 1);
  trend.firstElementChild.setAttribute(
    "d", "M" + healths.map((health, at) => `${(at * step).toFixed(1)},${(32 - 0.32 * health).toFixed(1)}`).join("L"),
  );
  const counts = Object.entries(drawn.servers_by_status);
  $("shares").replaceChildren(...counts.map(([status, count]) => {
    const share = element("span", { className: tone(status) });
    share.style.flexGrow = count;
    return share;
  }));
  $("counts").replaceChildren(
    element("span", { text: said(`${drawn.servers} servers`, `서버 ${drawn.servers}대`) }),
    ...counts.map(([status, count]) => element("span", { className: tone(status), text: `${word(status)} ${count}` })),
    ...Object.entries(drawn.servers_by_type).map(([type, count]) => element("span", { text: `${type} ${count}` })),
  );
}

function clusterEntry(cluster) {
  const where = [cluster.type, cluster.environment, cluster.region].filter(Boolean).join(" · ");
  return {
    key: `cluster ${cluster.id}`,
    head: [
      pill(cluster.status),
      element("span", { className: "name", text: cluster.id }),
      bar(cluster.health / 100, tone(cluster.status), said("health", "건강 점수")),
      element("span", { className: "aside", text: `${rounded(cluster.health)} · ${said(`${cluster.servers} servers`, `서버 ${cluster.servers}대`)} · ${where}` }),
    ],
    lines: cluster.reasons,
  };
}

function causeEntry(cause) {
  const onset = cause.onset ? said(`since ${cause.onset}`, `${cause.onset}부터`) : "";
  const lines = [...cause.evidence];
  if (cause.explains.length) lines.push(`${said("explains", "설명되는 것")}: ${cause.explains.join(", ")}`);
  if (cause.change) lines.push(`${said("change", "변경")}: ${cause.change}`);
  return {
    key: `cause ${cause.node} ${cause.kind}`,
    head: [
      element("span", { className: "name", text: `${word(cause.kind)} · ${cause.node}` }),
      bar(cause.confidence, "warn", said("confidence", "확신")),
      element("span", { className: "aside", text: [`${Math.round(100 * cause.confidence)} %`, word(cause.level), cause.metric, onset].filter(Boolean).join(" · ") }),
    ],
    lines,
  };
}

function anomalyEntry(anomaly) {
  const place = [anomaly.server, anomaly.cluster].filter(Boolean).join(" · ");
  return {
    key: `anomaly ${anomaly.id}`,
    head: [
      pill(anomaly.severity),
      element("span", { className: "sentence", text: anomaly.summary }),
      element("span", { className: "aside", text: `${Number(anomaly.score_sigma).toPrecision(3)} σ` }),
    ],
    lines: [`${anomaly.id} · ${word(anomaly.kind)} · ${place}`, anomaly.method, anomaly.note].filter(Boolean),
  };
}

function pill(status) {
  return element("span", { className: `pill ${tone(status)}`, text: word(status) });
}

function bar(share, className, label) {
  const inner = element("span");
  const percent = Math.min(100, Math.max(0, 100 * share));
  inner.style.width = `${percent}%`;
  return element("span", { className: `bar ${className}`, role: "meter", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(percent) }, inner);
}

function drawEntries(id, entries) {
  const section = $(id);
  section.hidden = entries.length === 0;
  const focused = document.activeElement?.closest?.(".entry")?.dataset.key;
  section.querySelector(".entries").replaceChildren(...entries.map(({ key, head, lines }) => {
    const made = element("details", { className: "entry", "data-key": key }, element("summary", {}, ...head), element("ul", {}, ...lines.map((text) => element("li", { text }))));
    made.open = unfolded.has(key);
    made.addEventListener("toggle", () => (made.open ? unfolded.add(key) : unfolded.delete(key)));
    return made;
  }));
  if (focused) [...section.querySelectorAll(".entry")].find((one) => one.dataset.key === focused)?.querySelector("summary").focus();
}

function drawList(id, lines) {
  $(id).hidden = lines.length === 0;
  $(id).querySelector("ul").replaceChildren(...lines.map((text) => element("li", { text })));
}

function complain(error) {
  if (!bridge.isEnded()) $("message").textContent = error.message;
}

$("follow").addEventListener("click", () => (watch.on ? watch.stop() : watch.start()));
$("refresh").addEventListener("click", async () => {
  $("refresh").disabled = true;
  try {
    await load();
  } catch (error) {
    complain(error);
  } finally {
    $("refresh").disabled = false;
  }
});

bridge.start("openmanager-fleet-overview", "fleet_overview", {
  input: (args) => { asked = args; },
  result: (result) => {
    try {
      const first = drawn === null;
      if (!first && loading) return; // some hosts tell of the page's own calls too
      adopt(bridge.contentOf(result));
      // A window that ends now goes on; one that ended stays what it was.
      if (first && /^(now)?$/.test(String(asked.end ?? ""))) watch.start();
    } catch (error) {
      complain(error);
    }
  },
  cancelled: () => { $("message").textContent = said("The call was cancelled.", "호출이 취소되었습니다."); },
  ended: () => watch.stop(),
  context: () => draw(),
}).catch(complain);
