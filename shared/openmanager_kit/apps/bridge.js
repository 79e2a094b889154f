// The page's end of the wire between a page and its host (MCP Apps, 2026-01-26): JSON-RPC by postMessage.
// Only the window that holds this one is listened to, and what it sends is data: nothing of it becomes markup here.

const bridge = (() => {
  const PROTOCOL = "2026-01-26";
  const ANSWER_MS = 90_000;
  const pending = new Map();
  const handlers = { input: null, result: null, cancelled: null, ended: null, context: null };
  let context = {};
  let fallbackTool = "";
  let nextId = 1;
  let ended = false;
  let reported = "";

  class CallFailed extends Error {
    constructor(message, code) {
      super(message);
      this.code = code;
    }
  }

  function post(message) {
    // The host's origin is not known, and what goes out is requests for the host's own server: nothing to hide.
    window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
  }

  function request(method, params) {
    if (ended) return Promise.reject(new CallFailed("the page has ended", "ended"));
    const id = nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(id, null, new CallFailed("no answer from the host", "silent")), ANSWER_MS);
      pending.set(id, { resolve, reject, timer });
      post({ id, method, params });
    });
  }

  function settle(id, result, error) {
    const waiting = pending.get(id);
    if (!waiting) return;
    pending.delete(id);
    clearTimeout(waiting.timer);
    if (error) waiting.reject(error);
    else waiting.resolve(result);
  }

  function receive(event) {
    const message = event.data;
    if (event.source !== window.parent || !message || message.jsonrpc !== "2.0") return;
    if (typeof message.method === "string") {
      if ("id" in message) answer(message);
      else notice(message.method, message.params ?? {});
    } else if (message.error) {
      settle(message.id, null, new CallFailed(String(message.error.message ?? "refused"), message.error.code));
    } else {
      settle(message.id, message.result ?? {}, null);
    }
  }

  function answer(message) {
    if (message.method === "ui/resource-teardown") {
      end();
      post({ id: message.id, result: {} });
    } else if (message.method === "ping") {
      post({ id: message.id, result: {} });
    } else {
      post({ id: message.id, error: { code: -32601, message: "Method not found" } });
    }
  }

  function notice(method, params) {
    if (ended) return;
    if (method === "ui/notifications/tool-input") handlers.input?.(params.arguments ?? {});
    else if (method === "ui/notifications/tool-result") handlers.result?.(params);
    else if (method === "ui/notifications/tool-cancelled") handlers.cancelled?.(String(params.reason ?? ""));
    else if (method === "ui/notifications/host-context-changed") adopt(params);
  }

  function end() {
    ended = true;
    for (const id of [...pending.keys()]) settle(id, null, new CallFailed("the page has ended", "ended"));
    sizes?.disconnect();
    handlers.ended?.();
  }

  function adopt(changes) {
    context = { ...context, ...changes };
    const root = document.documentElement;
    if (changes.theme === "dark" || changes.theme === "light") root.dataset.theme = changes.theme;
    if (typeof changes.locale === "string") speak(/^ko\b/i.test(changes.locale) ? "ko" : "en");
    for (const [name, value] of Object.entries(changes.styles?.variables ?? {})) {
      if (name.startsWith("--") && typeof value === "string") root.style.setProperty(name, value);
    }
    handlers.context?.(context);
  }

  // Words of the markup that have a Korean form carry it in `data-ko`.
  function speak(language) {
    document.documentElement.lang = language;
    for (const place of document.querySelectorAll("[data-ko]")) {
      place.dataset.en ??= place.textContent;
      place.textContent = language === "ko" ? place.dataset.ko : place.dataset.en;
    }
  }

  // Hosts that let the page choose its height are told it; a host that fixes it loses nothing by hearing it.
  function reportSize() {
    const height = Math.ceil(document.body.getBoundingClientRect().height);
    const width = Math.ceil(document.documentElement.clientWidth);
    if (ended || reported === `${width} ${height}`) return;
    reported = `${width} ${height}`;
    post({ method: "ui/notifications/size-changed", params: { width, height } });
  }

  let sizes = null;

  /** Greet the host; the handlers hear of what it then sends. */
  async function start(name, tool, wanted) {
    Object.assign(handlers, wanted);
    fallbackTool = tool;
    window.addEventListener("message", receive);
    const welcome = await request("ui/initialize", {
      protocolVersion: PROTOCOL,
      appInfo: { name, version: "1" },
      appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
    });
    adopt(welcome.hostContext ?? {});
    post({ method: "ui/notifications/initialized", params: {} });
    sizes = new ResizeObserver(reportSize);
    sizes.observe(document.body);
    return welcome;
  }

  /** Call the tool that this page shows, under the name by which the host knows it; gives the structured content. */
  async function call(args) {
    const name = context.toolInfo?.tool?.name || fallbackTool;
    return contentOf(await request("tools/call", { name, arguments: args }));
  }

  /** Take the structured content out of a tool's result; one that failed is thrown with its text. */
  function contentOf(result) {
    if (result?.isError) {
      const text = (result.content ?? []).map((part) => part.text ?? "").join("\n");
      throw new CallFailed(text || "the call failed", "tool");
    }
    return result?.structuredContent ?? null;
  }

  return { start, call, contentOf, isEnded: () => ended };
})();

/** Repeat `step` until it says "stop" or the page ends: sooner while there is news, later while there is none. */
class Watch {
  constructor(step, { soonestMs = 1000, latestMs = 10_000, giveUpMs = 15 * 60_000, onChange = () => {} } = {}) {
    Object.assign(this, { step, soonestMs, latestMs, giveUpMs, onChange });
    this.waitMs = soonestMs;
    this.on = false;
    this.busy = false;
    this.timer = 0;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) clearTimeout(this.timer);
      else if (this.on && !this.busy) this.plan(0);
    });
  }

  start() {
    if (this.on || bridge.isEnded()) return;
    this.on = true;
    this.waitMs = this.soonestMs;
    this.newsAt = Date.now();
    this.onChange(true);
    this.plan(this.waitMs);
  }

  stop() {
    clearTimeout(this.timer);
    if (!this.on) return;
    this.on = false;
    this.onChange(false);
  }

  plan(inMs) {
    clearTimeout(this.timer);
    if (this.on && !document.hidden) this.timer = setTimeout(() => this.turn(), inMs);
  }

  async turn() {
    this.busy = true;
    let outcome;
    try {
      outcome = await this.step(); // "news", "nothing", "failed" or "stop"
    } finally {
      this.busy = false;
    }
    if (outcome === "news") this.newsAt = Date.now();
    if (outcome === "stop" || bridge.isEnded() || Date.now() - this.newsAt > this.giveUpMs) {
      this.stop();
      return;
    }
    const longer = outcome === "failed" ? 2 : 1.5;
    this.waitMs = outcome === "news" ? this.soonestMs : Math.min(this.waitMs * longer, this.latestMs);
    this.plan(this.waitMs);
  }
}

/** Make an element; text and attributes are only ever set as text. */
function element(name, { text, className, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** Choose between two languages. */
function said(english, korean) {
  return document.documentElement.lang === "ko" ? korean : english;
}
