// The dashboard: what happens on the monitor's namespaces, as it happens. Events are kept up to a limit, the filter
// chooses those that are shown, and only the rows in sight are in the document.
import { EventLog, makeEvent } from "./event_log.js";
import { Connection } from "./socketio.js";

const NAMESPACES = ["/", "/system", "/session", "/claude", "/agent", "/hook", "/todo", "/memory", "/log"];
/** What the server says on `/` to this client alone. */
const REPLIES = new Set(["connection_ack", "compatibility_warning", "server_status", "event_history", "pong"]);
const TYPES_MAX = 500; // that can be chosen from
const COLOURED_MAX = 100_000; // characters
const LATENCY_MAX = 2000; // ms; a clock that differs by less may be right

const $ = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en");
const plural = (count, what) => `${number(count)} ${what}${count === 1 ? "" : "s"}`;
const pad = (value, width = 2) => String(value).padStart(width, "0");

function clock(time, withMs = true) {
  const date = new Date(time);
  const text = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => pad(part)).join(":");
  return withMs ? `${text}.${pad(date.getMilliseconds(), 3)}` : text;
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

const log = new EventLog();

// --- The stream -----------------------------------------------------------------------------------------------

const stream = $("stream");
const rows = [];
let rowHeight = 0;
let following = true; // the end of the stream is kept in sight
let active; // the event that the keyboard is at
let drawing = false;
let typesShown = "";

/** What has changed is drawn once, with the next frame. */
function redraw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    drawStream();
    drawCounts();
  });
}

function newRow() {
  const row = element("div", "row");
  row.setAttribute("role", "option");
  row.id = `row-${rows.length}`;
  row.append(element("time"), element("span", "namespace"), element("span", "event"), element("span", "summary"));
  $("rows").append(row);
  rows.push(row);
}

function fill(row, event, index) {
  row.hidden = !event;
  row.event = event;
  if (!event) return;
  const [time, namespace, name, text] = row.children;
  time.textContent = clock(event.time);
  namespace.textContent = namespace.dataset.name = event.namespace;
  name.textContent = event.event;
  text.textContent = event.summary;
  row.className = `row${event.error ? " error" : ""}${event === active ? " active" : ""}`;
  row.style.transform = `translateY(${index * rowHeight}px)`;
  row.setAttribute("aria-selected", event === active);
  row.setAttribute("aria-posinset", index + 1);
  row.setAttribute("aria-setsize", log.shown.length);
}

function drawStream() {
  const { shown } = log;
  $("rows").style.height = `${shown.length * rowHeight}px`;
  if (following) stream.scrollTop = stream.scrollHeight;
  else if (log.gone > 0) stream.scrollTop -= log.gone * rowHeight;
  log.gone = 0;
  const first = Math.max(0, Math.floor(stream.scrollTop / rowHeight) - 5);
  const count = Math.ceil(stream.clientHeight / rowHeight) + 10;
  while (rows.length < count) newRow();
  rows.forEach((row, n) => fill(row, n < count ? shown[first + n] : undefined, first + n));
  const at = rows.find((row) => row.event && row.event === active);
  at ? stream.setAttribute("aria-activedescendant", at.id) : stream.removeAttribute("aria-activedescendant");
  $("latest").hidden = following;
  $("empty").hidden = shown.length > 0;
  $("empty").textContent = log.all.length > 0 ? "No event matches the filter." : "No events yet.";
}

function drawCounts() {
  $("total").textContent = number(log.total);
  $("kept").textContent = log.total > log.all.length ? `the last ${number(log.all.length)} are kept` : "";
  $("types").textContent = number(log.byType.size);
  $("errors").textContent = number(log.errors);
  $("errors-metric").classList.toggle("some", log.errors > 0);
  $("count").textContent =
    log.shown.length === log.all.length
      ? plural(log.all.length, "event")
      : `${number(log.shown.length)} of ${plural(log.all.length, "event")}`;
  for (const tab of $("tabs").children) {
    const { name } = tab.dataset;
    tab.lastChild.textContent = number(name ? (log.byNamespace.get(name) ?? 0) : log.all.length);
    tab.classList.toggle("away", Boolean(name) && !sockets.get(name)?.connected);
  }
  drawTypes();
}

function drawTypes() {
  const { type } = log.filter;
  const types = [...new Set([...(type ? [type] : []), ...log.byType.keys()])].slice(0, TYPES_MAX).sort();
  if (types.join("\n") === typesShown) return;
  typesShown = types.join("\n");
  const every = new Option("All event types", "");
  $("type").replaceChildren(every, ...types.map((each) => new Option(each, each)));
  $("type").value = type;
}

function drawRate() {
  const seconds = log.lastMinute(serverNow());
  $("rate").textContent = number(seconds.reduce((sum, count) => sum + count, 0));
  const most = Math.max(4, ...seconds);
  const bar = (count, x) => (count ? `M${x} 12v${(-12 * count) / most}h.8v${(12 * count) / most}z` : "");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", seconds.map(bar).join(""));
  $("minute").replaceChildren(path);
}

function measure() {
  rowHeight = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
  redraw();
}

/** Moves the keyboard to the event at `index`, or the nearest. */
function activate(index) {
  const { shown } = log;
  if (shown.length === 0) return;
  const to = Math.max(0, Math.min(shown.length - 1, index));
  active = shown[to];
  const top = to * rowHeight;
  if (top < stream.scrollTop) stream.scrollTop = top;
  const bottom = top + rowHeight - stream.clientHeight;
  if (bottom > stream.scrollTop) stream.scrollTop = bottom;
  following = to === shown.length - 1;
  redraw();
}

function streamKey(press) {
  const { shown } = log;
  const known = shown.indexOf(active);
  const at = known < 0 ? shown.length : known;
  const page = Math.max(1, Math.floor(stream.clientHeight / rowHeight) - 1);
  const moves = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: shown.length - 1,
  };
  if (press.key === "Enter" || press.key === " ") known >= 0 && showDetails(active);
  else if (press.key in moves) activate(moves[press.key]);
  else return;
  press.preventDefault();
}

// --- Details, export, clear --------------------------------------------------------------------------------------

const pretty = (json) => (json ? JSON.stringify(JSON.parse(json), null, 2) : "");

/** The JSON as text and coloured spans. */
function coloured(text) {
  if (text.length > COLOURED_MAX) return [text];
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(/("(?:\\.|[^"\\])*")(:?)|-?\d[\d.eE+-]*|true|false|null/g)) {
    const kind = !found[1] ? "other" : found[2] ? "key" : "string";
    parts.push(text.slice(end, found.index), element("span", kind, found[1] ?? found[0]));
    end = found.index + (found[1] ?? found[0]).length;
  }
  return [...parts, text.slice(end)];
}

function showDetails(event) {
  active = event;
  $("details-namespace").textContent = $("details-namespace").dataset.name = event.namespace;
  $("details-event").textContent = event.event;
  $("details-event").classList.toggle("error", event.error);
  $("details-time").textContent = new Date(event.time).toISOString();
  $("details-data").replaceChildren(...coloured(pretty(event.json)));
  $("copy").textContent = "Copy";
  $("details").showModal();
  redraw();
}

async function copyDetails() {
  try {
    await navigator.clipboard.writeText($("details-data").textContent);
    $("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren($("details-data")); // for the user to copy it
    $("copy").textContent = "Selected";
  }
}

function exportShown() {
  const exported = {
    exported_at: new Date().toISOString(),
    server: { url: serverUrl(), id: server?.server_id, version: server?.server_version },
    session: {
      socket_id: sockets.get("/")?.id,
      connected_at: connectedAt && new Date(connectedAt).toISOString(),
      namespaces: activeNamespaces(),
    },
    filter: log.filter,
    metrics: { total: log.total, kept: log.all.length, types: log.byType.size, errors: log.errors },
    count: log.shown.length,
    events: log.shown.map(({ namespace, event, time, error, json }) => ({
      namespace,
      event,
      timestamp: new Date(time).toISOString(),
      error,
      data: json ? JSON.parse(json) : null,
    })),
  };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(exported, null, 2)], { type: "application/json" }));
  link.download = `events-${exported.exported_at.slice(0, 19).replaceAll(":", "-")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function clear() {
  log.clear();
  clearedAt = serverNow();
  following = true;
  redraw();
  drawRate();
}

// --- The connection ----------------------------------------------------------------------------------------------

let connection;
let sockets = new Map();
let connectedAt;
let wasConnected = false;
let retryAt;
let server; // its connection_ack
let clockAhead = 0; // of the server's clock, in ms
let clearedAt = -Infinity; // what is older does not come back with the history

const serverNow = () => Date.now() + clockAhead;
const activeNamespaces = () => NAMESPACES.filter((name) => sockets.get(name)?.connected);

function serverUrl() {
  const url = new URL(location.origin);
  url.port = $("port").value;
  return url.origin;
}

function status(state, text) {
  $("status").dataset.state = state;
  if ($("status").textContent !== text) $("status").textContent = text;
  $("toggle").textContent = connection ? "Disconnect" : "Connect";
  for (const id of ["port", "token"]) $(id).disabled = Boolean(connection);
}

function drawInfo() {
  const seconds = Math.round((Date.now() - connectedAt) / 1000);
  const lasts = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map((part) => pad(Math.floor(part))).join(":");
  const names = activeNamespaces();
  $("socket-id").textContent = $("socket-id").title = sockets.get("/")?.id ?? "–";
  $("connected-at").textContent = connectedAt ? `${clock(connectedAt, false)}, for ${lasts}` : "–";
  $("namespaces").textContent = names.length ? `${names.length} of ${NAMESPACES.length}, ${connection.transport}` : "–";
  $("namespaces").title = names.join(" ");
  $("server").textContent = $("server").title = server ? `${server.server_version} ${server.server_id}` : "–";
  if (retryAt) {
    const left = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
    status("failed", `Connection ${wasConnected ? "lost" : "failed"}, next try in ${left} s`);
  }
}

function connect() {
  wasConnected = false;
  server = undefined;
  const mine = (connection = new Connection(serverUrl(), { path: document.documentElement.dataset.path }));
  status("trying", "Connecting…");
  const auth = $("token").value ? { token: $("token").value } : undefined;
  sockets = new Map(NAMESPACES.map((name) => [name, mine.of(name, auth)]));
  for (const [name, socket] of sockets) {
    socket.on("connect", redraw).on("disconnect", redraw);
    socket.onAny((event, ...args) => {
      if (typeof args.at(-1) === "function") args.pop()();
      if (name === "/" && REPLIES.has(event)) return;
      log.add(makeEvent(name, event, args.length > 1 ? args : args[0], serverNow()));
      redraw();
    });
  }
  const root = sockets.get("/");
  root.on("connection_ack", (ack) => {
    server = ack;
    const ahead = (Date.parse(ack.timestamp) || Date.now()) - Date.now();
    clockAhead = Math.abs(ahead) < LATENCY_MAX ? 0 : ahead;
  });
  root.on("connect_error", ({ message }) => disconnect("failed", `Refused: ${message}`));
  root.on("connect", () => {
    connectedAt = Date.now();
    wasConnected = true;
    status("on", "Connected");
    drawInfo();
    root.emit("get_history");
  });
  root.on("event_history", replay);
  mine.on("close", () => (connectedAt = undefined));
  mine.on("reconnecting", (_attempt, wait) => {
    retryAt = Date.now() + wait;
    drawInfo();
    setTimeout(() => {
      if (connection !== mine) return;
      retryAt = undefined;
      status("trying", "Reconnecting…");
    }, wait);
  });
}

function disconnect(state = "off", text = "Disconnected") {
  const ending = connection;
  connection = retryAt = connectedAt = undefined;
  ending.close();
  status(state, text);
  drawInfo();
  redraw();
}

/** What happened before this client was there, or while it was away. */
function replay(data) {
  const events = Array.isArray(data?.events) ? data.events : [];
  const history = events.map(({ namespace, event, data, timestamp }) =>
    makeEvent(namespace, event, data, Date.parse(timestamp) || serverNow()),
  );
  log.merge(history.filter(({ time }) => time > clearedAt));
  redraw();
  drawRate();
}

// --- The page ------------------------------------------------------------------------------------------------------

function select(change) {
  log.select({ ...log.filter, ...change });
  following = true;
  redraw();
}

function selectTab(tab) {
  for (const each of $("tabs").children) {
    each.setAttribute("aria-selected", each === tab);
    each.tabIndex = each === tab ? 0 : -1;
  }
  select({ namespace: tab.dataset.name });
}

function makeTabs() {
  for (const name of ["", ...NAMESPACES]) {
    const tab = element("button", "", name || "All");
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", "panel");
    tab.dataset.name = name;
    tab.append(element("output", "", "0"));
    tab.onclick = () => selectTab(tab);
    $("tabs").append(tab);
  }
  $("tabs").onkeydown = (press) => {
    const tabs = [...$("tabs").children];
    const by = { ArrowRight: 1, ArrowLeft: -1 }[press.key];
    if (!by) return;
    const tab = tabs.at((tabs.indexOf(document.activeElement) + by) % tabs.length);
    tab.focus();
    selectTab(tab);
  };
  selectTab($("tabs").firstChild);
}

const shortcuts = {
  k: () => {
    $("search").focus();
    $("search").select();
  },
  e: exportShown,
  r: clear,
};

$("connection").onsubmit = (submit) => {
  submit.preventDefault();
  connection ? disconnect() : connect();
};
$("search").oninput = () => select({ search: $("search").value });
$("type").onchange = () => select({ type: $("type").value });
$("export").onclick = exportShown;
$("clear").onclick = clear;
$("latest").onclick = () => {
  following = true;
  redraw();
};
$("copy").onclick = copyDetails;
$("close").onclick = () => $("details").close();
$("details").onclick = ({ target }) => target === $("details") && $("details").close(); // beside it
stream.onclick = ({ target }) => {
  const event = target.closest(".row")?.event;
  if (event) showDetails(event);
};
stream.onkeydown = streamKey;
stream.onscroll = () => {
  following = stream.scrollTop + stream.clientHeight > stream.scrollHeight - rowHeight;
  redraw();
};
addEventListener("resize", measure);
addEventListener("keydown", (press) => {
  const action = shortcuts[press.key.toLowerCase()];
  if (!action || !(press.ctrlKey || press.metaKey) || press.shiftKey || press.altKey) return;
  press.preventDefault();
  action();
});
setInterval(() => {
  drawRate();
  drawInfo();
}, 1000);

const parameters = new URLSearchParams(location.search);
$("port").value = parameters.get("port");
$("port").value ||= location.port || (location.protocol === "https:" ? "443" : "80");
$("token").value = parameters.get("token") ?? "";
makeTabs();
measure();
if (parameters.get("autoconnect") === "true") connect();
