// The live part of the first page: follows the stream, keeps the head fresh, counts down. Without it the page reads the same.
"use strict";

(() => {
  const MOST_SHOWN = 300; // events kept in the document; older ones are a page away
  const MOST_HELD = 200; // events held back for a reader; above it the page is better loaded anew
  const HEAD_DELAY = 400; // milliseconds: a beat's events come together, and many pages should not ask at once
  const HEAD_EVERY = 60000;
  const THINKING_MOST = 300000; // a beat ends within 300 s
  const RETRY = 5000;
  const DRAW_DELAY = 30; // milliseconds: two frames

  const body = document.body;
  const list = document.getElementById("events");
  const hero = document.getElementById("hero");
  const offline = document.getElementById("offline");
  const heard = document.getElementById("heard");
  const freshRow = document.getElementById("fresh-row");
  const fresh = document.getElementById("fresh");
  const orb = document.getElementById("orb");
  let last = Number(list.dataset.newest);
  let held = [];
  let arrived = [];
  let drawTimer = 0;
  let skew = Date.parse(hero.dataset.now) - Date.now();
  let headTimer = 0;
  let thinkingTimer = 0;
  let lostAt = null;

  const parse = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html; // made and escaped by the server; CSP allows no script from it
    return template.content;
  };

  // --- countdowns
  const left = (seconds) => {
    if (seconds >= 3600) return `in ${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
    return `in ${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  };
  const count = () => {
    for (const node of document.querySelectorAll("[data-countdown]")) {
      const seconds = (Date.parse(node.dataset.countdown) - Date.now() - skew) / 1000;
      const text = seconds > 0 ? left(seconds) : node.dataset.due;
      if (node.textContent !== text) node.textContent = text;
    }
  };
  count();
  setInterval(count, 1000);

  // --- the head: who lives, how it goes, what is left
  const refresh = async () => {
    const answer = await fetch("/now", { cache: "no-cache" });
    if (!answer.ok) return;
    const part = parse(await answer.text());
    const next = part.getElementById("hero");
    skew = Date.parse(next.dataset.now) - Date.now();
    document.title = next.dataset.title;
    body.dataset.mode = part.querySelector("[data-mode]").dataset.mode;
    body.dataset.band = part.querySelector("[data-mode]").dataset.band;
    for (const name of ["who", "pulse", "last", "purse"]) {
      const old = document.querySelector(`[data-live="${name}"]`);
      const now = part.querySelector(`[data-live="${name}"]`);
      if (old && now && old.innerHTML !== now.innerHTML && !old.contains(document.activeElement)) old.replaceWith(now);
    }
    count();
    if (window.genesisCharts) window.genesisCharts();
  };
  const soon = () => {
    if (!headTimer) headTimer = setTimeout(() => { headTimer = 0; refresh().catch(() => {}); }, HEAD_DELAY * (1 + Math.random()));
  };
  setInterval(soon, HEAD_EVERY);

  // --- thinking
  const thinking = (is) => {
    body.classList.toggle("is-thinking", is);
    clearTimeout(thinkingTimer);
    if (is) thinkingTimer = setTimeout(() => thinking(false), THINKING_MOST);
  };

  if (body.classList.contains("is-thinking")) thinking(true);

  // --- the stream
  const reading = () => {
    const top = list.getBoundingClientRect().top;
    const selection = window.getSelection();
    return top < 0 || list.contains(document.activeElement)
      || (selection && !selection.isCollapsed && list.contains(selection.anchorNode));
  };
  const place = (item) => {
    if (document.getElementById(item.id)) return;
    const empty = document.getElementById("empty");
    if (empty) empty.remove();
    const first = list.querySelector(".event");
    if (!first || first.dataset.day !== item.dataset.day) {
      const day = document.createElement("li");
      day.className = "day";
      day.append(document.createElement("h3"));
      day.firstChild.textContent = item.dataset.day;
      list.prepend(day);
    }
    item.classList.add("new");
    list.querySelector(".day").after(item);
    while (list.children.length > MOST_SHOWN) list.lastElementChild.remove();
  };
  const tellHeld = () => {
    freshRow.hidden = held.length === 0;
    fresh.textContent = held.length === 1 ? "1 new event" : `${held.length}${held.length >= MOST_HELD ? "+" : ""} new events`;
  };
  const release = () => {
    if (held.length >= MOST_HELD) { location.reload(); return; }
    held.forEach(place);
    held = [];
    tellHeld();
  };
  fresh.addEventListener("click", () => {
    release();
    list.scrollIntoView({ block: "start" });
    window.scrollBy(0, -80);
    document.getElementById("main").focus({ preventScroll: true });
  });
  addEventListener("scroll", () => { if (held.length && !reading()) release(); }, { passive: true });

  // What arrives together is drawn together: measuring the page for each event of a burst would freeze it.
  const draw = () => {
    drawTimer = 0;
    const items = arrived;
    arrived = [];
    orb.classList.remove("heard");
    const behind = reading(); // measures, and so lets the ring start anew
    orb.classList.add("heard");
    const thought = items.findLast((item) => item.dataset.kind === "thought");
    if (thought) heard.textContent = `New thought: ${thought.querySelector(".body").textContent.slice(0, 160)}`;
    if (behind) held = held.concat(items).slice(0, MOST_HELD);
    else items.slice(-MOST_SHOWN).forEach(place);
    tellHeld();
  };
  const take = (message) => {
    const seq = Number(message.lastEventId);
    if (seq <= last) return;
    last = seq;
    const item = parse(message.data).firstElementChild;
    const kind = item.dataset.kind;
    thinking(kind === "beat.started" || (body.classList.contains("is-thinking") && kind !== "beat.ended"));
    soon();
    if (item.dataset.shown === undefined) return;
    arrived.push(item);
    if (arrived.length > 2 * MOST_SHOWN) arrived = arrived.slice(-MOST_SHOWN);
    if (!drawTimer) drawTimer = setTimeout(draw, DRAW_DELAY);
  };

  let source = null;
  const follow = () => {
    if (source) source.close();
    source = new EventSource(`/live?after=${last}&view=${encodeURIComponent(list.dataset.show)}`);
    source.onopen = () => { list.dataset.live = ""; lostAt = null; offline.hidden = true; body.classList.remove("is-offline"); soon(); };
    source.onmessage = take;
    source.onerror = () => {
      if (!lostAt) {
        lostAt = new Date(Date.now() + skew);
        const at = lostAt.toISOString().slice(11, 16);
        offline.textContent = `The connection was lost at ${at} UTC. Trying again; nothing will be missed.`;
      }
      offline.hidden = false;
      delete list.dataset.live;
      body.classList.add("is-offline");
      thinking(false);
      if (source.readyState === EventSource.CLOSED) setTimeout(follow, RETRY);
    };
  };
  if (list.dataset.follow !== undefined) {
    follow();
    addEventListener("online", follow);
    addEventListener("pageshow", (event) => { if (event.persisted) follow(); });
  }
})();
