// SPDX-License-Identifier: Apache-2.0
"use strict";

// What the server sends (src/web/feed.c) as graphs and tables. Text is only ever set as text: names of capsules and
// programs are anybody's.

(() => {
  const $ = (id) => document.getElementById(id);
  const unknown = "–";

  // ---- words and numbers -------------------------------------------------------------------------------------------

  const known = (v) => typeof v === "number" && Number.isFinite(v);
  const percent = (v) => (known(v) ? `${Math.round(v * 100)}%` : unknown);
  const whole = (v, unit) => (known(v) ? `${Math.round(v)} ${unit}` : unknown);

  function bytes(v) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    if (!known(v)) return unknown;
    let i = 0;
    while (v >= 1000 && i < units.length - 1) {
      v /= 1024;
      i++;
    }
    return `${i && v < 100 ? v.toFixed(1) : Math.round(v)} ${units[i]}`;
  }

  const clock = (v) => (known(v) ? (v < 1e9 ? `${Math.round(v / 1e6)} MHz` : `${(v / 1e9).toFixed(2)} GHz`) : unknown);

  function lasting(seconds) {
    if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
    if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
    return `${(seconds / 3600).toFixed(1)} h`;
  }

  const kinds = {
    capsule: "capsule", docker: "Docker", podman: "Podman", containerd: "containerd", "cri-o": "CRI-O", crio: "CRI-O",
    pod: "Kubernetes pod", slurm: "Slurm job", container: "container", host: "host", unknown: "unknown",
  };

  // What something belongs to, as people call it.
  function nameOf(user) {
    if (user.owner === "host") return "Programs of the host";
    if (user.owner === "unknown") return "Not known to whom";
    if (user.ownerName) return user.ownerName;
    if (user.owner === "pod") return `pod ${user.pod || (user.id || "").slice(0, 12)}`;
    if (user.owner === "slurm") return `job ${user.id}`;
    return (user.id || "?").slice(0, 12);
  }

  const deviceOf = (use) => (use.mig === null ? `${use.gpu}` : `${use.gpu}:${use.mig}`);

  function element(name, text, attributes) {
    const made = document.createElement(name);
    if (text !== undefined && text !== null) made.textContent = text;
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    return made;
  }

  // Only what differs is written: a page that is not touched is not laid out again.
  function say(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }
  function show(node, visible) {
    if (node.hidden === visible) node.hidden = !visible;
  }
  function mark(node, key, value) {
    if (node.getAttribute(key) !== value) node.setAttribute(key, value);
  }
  const level = (node, ratio) =>
    node.style.setProperty("--level", `${known(ratio) ? Math.min(100, Math.max(0, ratio * 100)).toFixed(1) : 0}%`);

  // ---- graphs ------------------------------------------------------------------------------------------------------

  let range = 300; // seconds that graphs go back
  let now = 0; // of the last sample, milliseconds
  const keep = 300 * 1000 + 5000;

  // Points of time with a few values each; null is a gap.
  class Series {
    constructor() {
      this.points = [];
    }
    add(time, values) {
      const last = this.points[this.points.length - 1];
      if (last && time <= last.time) return;
      this.points.push({ time, values });
      while (this.points.length && this.points[0].time < time - keep) this.points.shift();
    }
  }

  const colours = {};
  function readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["utilization", "utilization-fill", "memory", "grid", "soft", "card", "text"])
      colours[name] = style.getPropertyValue(`--${name}`).trim();
  }

  // Runs of points without a gap between them.
  function* runs(points, which, longest) {
    let run = [];
    for (const p of points) {
      const value = p.values[which];
      if (run.length && (!known(value) || p.time - run[run.length - 1].time > longest)) {
        yield run;
        run = [];
      }
      if (known(value)) run.push({ time: p.time, value });
    }
    if (run.length) yield run;
  }

  const seen = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const e of entries) {
      if (e.isIntersecting) seen.add(e.target);
      else seen.delete(e.target);
    }
    draw();
  });
  const graphs = new Map(); // canvas -> {series, small, caption}
  let interval = 1000;

  function addGraph(canvas, series, small, caption) {
    graphs.set(canvas, { series, small, caption, at: null });
    watcher.observe(canvas);
    if (caption) {
      canvas.addEventListener("pointermove", (e) => point(canvas, e));
      canvas.addEventListener("pointerleave", () => point(canvas, null));
    }
  }

  function removeGraph(canvas) {
    watcher.unobserve(canvas);
    graphs.delete(canvas);
    seen.delete(canvas);
  }

  function point(canvas, event) {
    const graph = graphs.get(canvas);
    if (!graph) return;
    graph.at = event ? event.offsetX / canvas.clientWidth : null;
    drawOne(canvas);
  }

  function trace(ctx, run, x, y) {
    ctx.beginPath();
    run.forEach((p, i) => (i ? ctx.lineTo(x(p.time), y(p.value)) : ctx.moveTo(x(p.time), y(p.value))));
    if (run.length === 1) ctx.lineTo(x(run[0].time) + 1.5, y(run[0].value));
  }

  function drawOne(canvas) {
    const graph = graphs.get(canvas);
    const scale = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!graph || !width || !height) return;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const ctx = canvas.getContext("2d");
    const top = 3, bottom = height - 3, begin = now - range * 1000;
    const x = (time) => ((time - begin) / (range * 1000)) * (width - 2);
    const y = (value) => bottom - Math.min(1, Math.max(0, value)) * (bottom - top);
    const points = graph.series.points.filter((p) => p.time >= begin - interval);
    const longest = Math.max(3 * interval, 3500);
    ctx.setTransform(scale, 0, 0, scale, 0, 0);
    ctx.clearRect(0, 0, width, height);
    ctx.strokeStyle = colours.grid;
    ctx.lineWidth = 1;
    for (const line of graph.small ? [0] : [0, 0.5, 1]) {
      ctx.beginPath();
      ctx.moveTo(0, Math.round(y(line)) + 0.5);
      ctx.lineTo(width, Math.round(y(line)) + 0.5);
      ctx.stroke();
    }
    ctx.lineJoin = "round";
    for (const run of runs(points, 0, longest)) {
      trace(ctx, run, x, y);
      ctx.strokeStyle = colours.utilization;
      ctx.lineWidth = graph.small ? 1.5 : 2;
      ctx.stroke();
      ctx.lineTo(x(run[run.length - 1].time), bottom);
      ctx.lineTo(x(run[0].time), bottom);
      ctx.fillStyle = colours["utilization-fill"];
      ctx.fill();
    }
    ctx.setLineDash([5, 3]);
    for (const run of runs(points, 1, longest)) {
      trace(ctx, run, x, y);
      ctx.strokeStyle = colours.memory;
      ctx.lineWidth = graph.small ? 1.5 : 1.75;
      ctx.stroke();
    }
    ctx.setLineDash([]);
    if (graph.caption) caption(ctx, graph, points, x, begin, height);
  }

  // Below the graph its ends, or, where the pointer is, what was there.
  function caption(ctx, graph, points, x, begin, height) {
    const [left, right] = graph.caption.children;
    if (graph.at === null || !points.length) {
      say(left, `${lasting(range)} ago`);
      say(right, "now");
      return;
    }
    const time = begin + graph.at * range * 1000;
    const p = points.reduce((a, b) => (Math.abs(b.time - time) < Math.abs(a.time - time) ? b : a));
    ctx.strokeStyle = colours.soft;
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.moveTo(x(p.time), 0);
    ctx.lineTo(x(p.time), height);
    ctx.stroke();
    say(left, `${lasting((now - p.time) / 1000)} ago`);
    say(right, `${percent(p.values[0])} busy, ${percent(p.values[1])} of memory`);
  }

  let drawing = false;
  function draw() {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      for (const canvas of seen) drawOne(canvas);
    });
  }

  // ---- GPUs --------------------------------------------------------------------------------------------------------

  const states = {
    waiting: ["Waiting", "warn"], slow: ["Late", "warn"], error: ["Error", "bad"], lost: ["Lost", "bad"],
    gone: ["Gone", "bad"],
  };
  const cards = new Map(); // index -> {root, series, ...}
  let past = []; // of the hello, by place

  function makeCard(index) {
    const root = $("card").content.firstElementChild.cloneNode(true);
    const card = { root, series: new Series(), users: "", mig: "" };
    for (const dd of root.querySelectorAll("dd[data-of]")) card[dd.dataset.of] = dd;
    card.badge = root.querySelector(".badge");
    card.reason = root.querySelector(".reason");
    card.model = root.querySelector(".model");
    card.canvas = root.querySelector("canvas");
    [card.utilizationBar, card.memoryBar] = root.querySelectorAll(".bar");
    card.migList = root.querySelector(".mig");
    card.userList = root.querySelector(".users");
    root.id = `gpu-${index}`;
    say(root.querySelector("h3"), `GPU ${index}`);
    const figcaption = root.querySelector("figcaption");
    figcaption.append(element("span"), element("span"));
    addGraph(card.canvas, card.series, false, figcaption);
    $("gpus").append(root);
    cards.set(index, card);
    return card;
  }

  function withSmall(dd, text, small) {
    const whole = small ? `${text} ${small}` : text;
    if (dd.textContent === whole) return;
    dd.replaceChildren(small ? `${text} ` : text);
    if (small) dd.append(element("small", small));
  }

  const isBad = (gpu) => (states[gpu.state] || [])[1] === "bad";
  const share = (used, total) => (known(used) && total > 0 ? used / total : null);

  function fillState(card, gpu) {
    const [word, kind] = states[gpu.state] || ["", ""];
    mark(card.root, "data-state", kind);
    show(card.badge, !!word);
    say(card.badge, word);
    const limits = gpu.throttle.filter((reason) => reason !== "idle");
    let why = word ? `${gpu.reason || word} (for ${lasting(gpu.since)})` : "";
    if (!word && limits.length) why = `Slowed down: ${limits.join(", ")}`;
    if (!word && known(gpu.lastXid)) why = `${why ? `${why}. ` : ""}Last error: Xid ${gpu.lastXid}`;
    show(card.reason, !!why);
    say(card.reason, why);
  }

  function fillMig(card, gpu) {
    const text = JSON.stringify(gpu.mig);
    show(card.migList, gpu.mig.length > 0);
    if (text === card.mig) return;
    card.mig = text;
    card.migList.replaceChildren(
      ...gpu.mig.map((m) => {
        const item = element("li");
        const bar = element("div", null, { class: "bar memory", "aria-hidden": "true" });
        bar.append(element("i"));
        level(bar, share(m.memoryUsed, m.memoryTotal));
        item.title = `${gpu.index}:${m.index} ${m.profile || ""}, ${bytes(m.memoryUsed)} of ${bytes(m.memoryTotal)}`;
        item.append(
          element("b", `${gpu.index}:${m.index} ${m.profile || ""}`),
          element("span", `${bytes(m.memoryUsed)} of ${bytes(m.memoryTotal)}`),
          bar,
        );
        return item;
      }),
    );
  }

  function fillUsers(card, gpu, workloads) {
    const mine = workloads.filter((w) => w.gpu === gpu.index);
    const text = JSON.stringify(mine.map((w) => [nameOf(w), deviceOf(w), bytes(w.memory)]));
    if (text === card.users) return;
    card.users = text;
    card.userList.replaceChildren(
      ...mine.map((w) => {
        const item = element("li");
        item.append(element("b", nameOf(w)), ` ${w.mig === null ? "" : `on ${deviceOf(w)} `}${bytes(w.memory)}`);
        return item;
      }),
    );
    if (!mine.length && !isBad(gpu)) card.userList.append(element("li", "not in use", { class: "none" }));
  }

  function fillCard(gpu, sample) {
    const card = cards.get(gpu.index) || makeCard(gpu.index);
    const memory = share(gpu.memoryUsed, gpu.memoryTotal);
    fillState(card, gpu);
    say(card.model, [gpu.name, gpu.pci].filter(Boolean).join(" · "));
    mark(card.model, "title", gpu.uuid || "");
    say(card.utilization, percent(gpu.utilization));
    withSmall(card.memory, bytes(gpu.memoryUsed), known(gpu.memoryTotal) ? `of ${bytes(gpu.memoryTotal)}` : "");
    say(card.power, known(gpu.power) && known(gpu.powerLimit) ? `${Math.round(gpu.power)}/${Math.round(gpu.powerLimit)} W` : whole(gpu.power, "W"));
    say(card.temperature, whole(gpu.temperature, "°C"));
    say(card.clock, clock(gpu.smClock));
    say(card.pcie, known(gpu.pcieRx) ? `${bytes(gpu.pcieRx)}/s in, ${bytes(gpu.pcieTx)}/s out` : unknown);
    level(card.utilizationBar, gpu.utilization);
    level(card.memoryBar, memory);
    card.series.add(sample.time, isBad(gpu) ? [null, null] : [gpu.utilization, memory]);
    mark(card.canvas, "aria-label", `Graph of GPU ${gpu.index}: ${isBad(gpu) ? "no values" : `utilization ${percent(gpu.utilization)}, memory ${percent(memory)}`}`);
    fillMig(card, gpu);
    fillUsers(card, gpu, sample.workloads);
  }

  function fillOverview(gpus) {
    const list = $("overview");
    show(list, gpus.length > 8);
    if (gpus.length <= 8) return;
    while (list.children.length < gpus.length) {
      const item = element("li");
      item.append(element("a", "", { href: `#gpu-${gpus[list.children.length].index}` }));
      list.append(item);
    }
    gpus.forEach((gpu, i) => {
      const link = list.children[i].firstChild;
      say(link, isBad(gpu) ? `${gpu.index} !` : `${gpu.index}`);
      // Of a GPU divided by MIG nobody tells how busy it is, but how full.
      const [ratio, of] = known(gpu.utilization) ? [gpu.utilization, "busy"] : [share(gpu.memoryUsed, gpu.memoryTotal), "of memory"];
      const what = isBad(gpu) ? states[gpu.state][0] : `${percent(ratio)} ${of}`;
      mark(link, "aria-label", `GPU ${gpu.index}: ${what}`);
      mark(link, "title", what);
      mark(link, "data-state", isBad(gpu) ? "bad" : "");
      level(link, isBad(gpu) ? 0 : ratio);
    });
  }

  function fillGpus(sample) {
    const there = new Set(sample.gpus.map((g) => g.index));
    show($("gpus-empty"), !sample.gpus.length);
    say($("gpus-empty"), sample.notice || "This host has no GPU.");
    $("gpus").classList.toggle("many", sample.gpus.length > 12);
    sample.gpus.forEach((gpu, place) => {
      if (past[place] && !cards.has(gpu.index)) {
        const card = makeCard(gpu.index);
        for (const p of past[place]) card.series.add(p.time, p.values);
      }
      fillCard(gpu, sample);
    });
    for (const [index, card] of cards) {
      if (there.has(index)) continue;
      removeGraph(card.canvas);
      card.root.remove();
      cards.delete(index);
    }
    fillOverview(sample.gpus);
  }

  // ---- all together ------------------------------------------------------------------------------------------------

  const sum = (values) => (values.some(known) ? values.filter(known).reduce((a, b) => a + b, 0) : null);
  const mean = (values) => (values.some(known) ? sum(values) / values.filter(known).length : null);

  function fillSummary(sample, users) {
    const well = sample.gpus.filter((g) => !isBad(g)), bad = sample.gpus.length - well.length;
    const utilization = mean(well.map((g) => g.utilization));
    const used = sum(well.map((g) => g.memoryUsed)), total = sum(well.map((g) => g.memoryTotal));
    const hottest = well.filter((g) => known(g.temperature)).sort((a, b) => b.temperature - a.temperature)[0];
    say($("sum-gpus"), `${sample.gpus.length}`);
    say($("sum-gpus-note"), bad ? `${bad} not answering` : sample.driver ? `driver ${sample.driver}` : "");
    $("sum-gpus-note").classList.toggle("bad", bad > 0);
    say($("sum-utilization"), percent(utilization));
    say($("sum-memory"), bytes(used));
    say($("sum-memory-note"), known(total) ? `of ${bytes(total)}` : "");
    say($("sum-power"), whole(sum(well.map((g) => g.power)), "W"));
    const limit = sum(well.map((g) => g.powerLimit));
    say($("sum-power-note"), known(limit) ? `of ${Math.round(limit)} W` : "");
    say($("sum-heat"), hottest ? whole(hottest.temperature, "°C") : unknown);
    say($("sum-heat-note"), hottest ? `GPU ${hottest.index}` : "");
    const apart = users.filter((u) => u.owner !== "host" && u.owner !== "unknown").length;
    say($("sum-users"), `${apart}`);
    say($("sum-users-note"), apart === 1 ? "capsule or container" : "capsules and containers");
    return { utilization, bad };
  }

  // ---- capsules ----------------------------------------------------------------------------------------------------

  const rows = new Map(); // key -> {row, series, cells}

  // The uses of all devices by one owner.
  function gather(workloads) {
    const users = new Map();
    for (const w of workloads) {
      const key = [w.owner, w.pod, w.id].join("\n");
      const user = users.get(key) || { key, owner: w.owner, id: w.id, ownerName: w.ownerName, pod: w.pod, uses: [] };
      user.uses.push(w);
      users.set(key, user);
    }
    for (const user of users.values()) {
      user.memory = sum(user.uses.map((w) => w.memory));
      user.utilization = sum(user.uses.map((w) => w.utilization));
      user.processes = sum(user.uses.map((w) => w.processes));
      user.devices = user.uses.map(deviceOf);
    }
    return [...users.values()].sort((a, b) => (b.memory || 0) - (a.memory || 0) || (a.key < b.key ? -1 : 1));
  }

  function cell(row, text, label, kind) {
    const made = element("td", text, { role: "cell", "data-label": label });
    if (kind) made.className = kind;
    row.append(made);
    return made;
  }

  function makeRow(user) {
    const row = element("tr", null, { role: "row" });
    const head = element("th", null, { scope: "row", role: "rowheader" });
    row.append(head);
    const made = { row, head, series: new Series() };
    made.kind = cell(row, "", "Kind");
    made.devices = cell(row, "", "GPU");
    made.memory = cell(row, "", "Memory", "number");
    made.utilization = cell(row, "", "Utilization", "number");
    made.processes = cell(row, "", "Processes", "number");
    const spark = cell(row, null, "", "spark");
    made.canvas = element("canvas", null, { role: "img", height: "30" });
    spark.append(made.canvas);
    addGraph(made.canvas, made.series, true, null);
    rows.set(user.key, made);
    return made;
  }

  function fillUserRows(sample, users) {
    const body = $("users").tBodies[0];
    const memoryOf = new Map(sample.gpus.map((g) => [g.index, g.memoryTotal]));
    users.forEach((user, i) => {
      const made = rows.get(user.key) || makeRow(user);
      const all = sum([...new Set(user.uses.map((w) => w.gpu))].map((g) => memoryOf.get(g)));
      withSmall(made.head, nameOf(user), user.ownerName && user.id ? user.id.slice(0, 12) : "");
      say(made.kind, kinds[user.owner] || user.owner);
      say(made.devices, user.devices.join(", "));
      say(made.memory, bytes(user.memory));
      say(made.utilization, percent(user.utilization));
      say(made.processes, `${user.processes}`);
      made.series.add(sample.time, [user.utilization, share(user.memory, all)]);
      mark(made.canvas, "aria-label", `Graph of ${nameOf(user)}: utilization ${percent(user.utilization)}, memory ${bytes(user.memory)}`);
      if (body.children[i] !== made.row) body.insertBefore(made.row, body.children[i] || null);
    });
    const there = new Set(users.map((u) => u.key));
    for (const [key, made] of rows) {
      if (there.has(key)) continue;
      removeGraph(made.canvas);
      made.row.remove();
      rows.delete(key);
    }
    show($("users"), users.length > 0);
    show($("users-empty"), !users.length);
  }

  function fillProcesses(sample) {
    const details = $("processes");
    say($("processes-count"), `(${sample.processCount})`);
    if (!details.open) return;
    const body = details.querySelector("tbody");
    body.replaceChildren(
      ...sample.processes.map((p) => {
        const row = element("tr", null, { role: "row" });
        row.append(element("th", `${p.pid}`, { scope: "row", role: "rowheader", class: "number" }));
        cell(row, p.name || unknown, "Program");
        cell(row, p.owner === "host" ? "host" : nameOf(p), "Belongs to");
        cell(row, deviceOf(p), "GPU");
        cell(row, bytes(p.memory), "Memory", "number");
        cell(row, percent(p.utilization), "Utilization", "number");
        return row;
      }),
    );
    const more = sample.processCount - sample.processes.length;
    show($("processes-note"), more > 0 || !sample.processCount);
    say($("processes-note"), more > 0 ? `${more} more are not listed.` : "No program uses a GPU.");
  }

  // ---- the connection ----------------------------------------------------------------------------------------------

  let source = null;
  let heard = 0; // performance.now() of the last sample; 0: never
  let last = null; // the last sample
  let host = location.host;
  let signedOut = false;

  function setStatus(state, text) {
    mark($("status"), "data-state", state);
    say($("status-text"), text);
  }

  function banner(text, kind) {
    show($("banner"), !!text);
    mark($("banner"), "data-kind", kind || "bad");
    say($("banner"), text || "");
  }

  function take(sample) {
    last = sample;
    heard = performance.now();
    now = sample.time;
    interval = sample.interval;
    const users = gather(sample.workloads);
    fillGpus(sample);
    fillUserRows(sample, users);
    fillProcesses(sample);
    const { utilization, bad } = fillSummary(sample, users);
    document.title = `${bad ? "⚠ " : ""}${percent(utilization)} of ${sample.gpus.length} GPUs · ${host}`;
    say($("footer"), `nvbind ${version} on ${host}, every ${lasting2(sample.interval)}. Measuring takes ${(sample.cost * 100).toFixed(2)}% of one core.`);
    judge();
    draw();
  }

  const lasting2 = (ms) => (ms < 1000 ? `${ms} ms` : lasting(ms / 1000));
  let version = "";

  // The connection's state, every second and whenever something happens.
  function judge() {
    const silent = heard ? (performance.now() - heard) / 1000 : 0;
    const late = silent * 1000 > Math.max(3 * interval, 4000);
    const broken = !source || source.readyState !== EventSource.OPEN;
    const lost = signedOut || (heard > 0 && (broken || late));
    document.body.classList.toggle("stale", lost);
    if (signedOut) {
      setStatus("lost", "Signed out");
      banner("You are signed out: reload the page to sign in again.");
    } else if (lost) {
      setStatus("lost", broken ? "Connection lost" : "No data");
      banner(`${broken ? `The connection to ${host} is lost` : `${host} has sent nothing`} for ${lasting(silent)}. ` +
        `What you see is from ${new Date(now).toLocaleTimeString()}. Trying again.`);
    } else if (!heard) {
      setStatus("connecting", broken ? "Connecting" : "Waiting for the first measurement");
      banner("");
    } else {
      setStatus("live", "Live");
      bannerOfGpus();
    }
  }

  function bannerOfGpus() {
    const bad = last.gpus.filter(isBad).map((g) => `GPU ${g.index}: ${g.reason || states[g.state][0]}`);
    if (bad.length) banner(bad.slice(0, 4).join("\n") + (bad.length > 4 ? `\nand ${bad.length - 4} more` : ""));
    else banner(last.notice, "warn");
  }

  function hello(data) {
    host = data.host || host;
    version = data.version;
    say($("host"), host);
    past = data.gpus.map((gpu) =>
      data.times.map((time, i) => ({
        time,
        values: [gpu.utilization[i] === null ? null : gpu.utilization[i] / 1000, gpu.memory[i] === null ? null : gpu.memory[i] / 1000],
      })),
    );
    // After a lost connection: what was missed comes before what follows.
    past.forEach((points, place) => {
      const card = cards.get(last && last.gpus[place] ? last.gpus[place].index : -1);
      if (card) for (const p of points) card.series.add(p.time, p.values);
    });
  }

  async function wasRefused() {
    try {
      const answer = await fetch("/session", { cache: "no-store" });
      signedOut = answer.status === 401;
      show($("leave"), !signedOut && answer.headers.get("X-Nvbind-Session") === "1");
    } catch {
      // The server is not there: EventSource goes on trying.
    }
    judge();
  }

  function connect() {
    source = new EventSource("/events");
    source.addEventListener("open", judge);
    source.addEventListener("hello", (e) => hello(JSON.parse(e.data)));
    source.addEventListener("sample", (e) => take(JSON.parse(e.data)));
    source.addEventListener("error", () => {
      judge();
      // Closed for good: refused, or an answer that is no stream. EventSource itself tries again after all else.
      if (source.readyState === EventSource.CLOSED) {
        wasRefused().then(() => signedOut || setTimeout(connect, 3000));
      }
    });
  }

  // ---- what people can set -----------------------------------------------------------------------------------------

  const themes = { auto: "automatic", light: "light", dark: "dark" };

  function setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    say($("theme"), `Colours: ${themes[theme]}`);
    readColours();
    draw();
  }

  function start() {
    let theme = "auto";
    try {
      theme = localStorage.getItem("theme") || "auto";
    } catch {
      // Storage is closed to this page: the choice lasts as long as the page.
    }
    setTheme(themes[theme] ? theme : "auto");
    $("theme").addEventListener("click", () => {
      const names = Object.keys(themes);
      const next = names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length];
      setTheme(next);
      try {
        localStorage.setItem("theme", next);
      } catch {
        // As above.
      }
    });
    for (const button of document.querySelectorAll("[data-range]"))
      button.addEventListener("click", () => {
        range = Number(button.dataset.range);
        for (const other of document.querySelectorAll("[data-range]"))
          mark(other, "aria-pressed", String(other === button));
        draw();
      });
    $("processes").addEventListener("toggle", () => last && fillProcesses(last));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(document.documentElement.dataset.theme));
    addEventListener("resize", draw);
    setInterval(judge, 1000);
    wasRefused();
    connect();
  }

  start();
})();
