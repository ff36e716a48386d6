// Draws a report from the result documents that stand in the page.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const main = document.getElementById("main");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const charts = []; // { element, chart, option: colours => option }
  const stageNames = ["detection", "election", "promotion", "routing", "reconnection", "first_commit"];

  // ---- small tools ----
  const add = (parent, name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    for (const child of children) element.append(child);
    parent.append(element);
    return element;
  };
  const seconds = (s) => {
    if (s === null || s === undefined) return "–";
    if (s === 0) return "0 s";
    const size = Math.abs(s);
    return s.toFixed(size < 1 ? 3 : size < 10 ? 2 : 1) + " s";
  };
  const percent = (p) => (100 * p).toFixed(p > 0 && p < 0.1 ? 1 : 0) + " %";
  const words = (name) => String(name).replaceAll("_", " ");
  const table = (parent, caption, head, rows, numeric = []) => {
    const box = add(parent, "div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption });
    const one = add(box, "table");
    add(one, "caption", {}, caption);
    const first = add(add(one, "thead"), "tr");
    head.forEach((text, i) => add(first, "th", { scope: "col", class: numeric.includes(i) ? "number" : "" }, text));
    const body = add(one, "tbody");
    for (const row of rows) {
      const line = add(body, "tr");
      row.forEach((text, i) => {
        const value = text === null || text === undefined ? "–" : String(text);
        add(line, i === 0 ? "th" : "td", i === 0 ? { scope: "row" } : { class: numeric.includes(i) ? "number" : "" }, value);
      });
    }
    return one;
  };

  // ---- charts ----
  const colours = () => dark.matches && !printing
    ? { text: "#e6e9ee", dim: "#a5aeb9", line: "#3a424d", good: "#4fbf7a", bad: "#ff7b86", unsure: "#e0a93f",
        ground: "#1d2229", series: ["#79b8ff", "#e0a93f", "#4fbf7a", "#d2a8ff", "#ff9b70", "#9aa7b5", "#ff7b86"] }
    : { text: "#1b1f24", dim: "#57606a", line: "#c3c9d1", good: "#1a7f37", bad: "#cf222e", unsure: "#9a6700",
        ground: "#f5f6f8", series: ["#0969da", "#bf8700", "#1a7f37", "#8250df", "#bc4c00", "#57606a", "#cf222e"] };
  let printing = false;
  const axis = (c, name, more = {}) => ({
    name, nameLocation: "middle", nameGap: 28, nameTextStyle: { color: c.dim },
    axisLabel: { color: c.dim, hideOverlap: true, showMaxLabel: more.type === "value" && more.max !== undefined ? false : null }, axisLine: { lineStyle: { color: c.line } },
    axisTick: { lineStyle: { color: c.line } }, splitLine: { lineStyle: { color: c.line, opacity: 0.5 } }, ...more });
  const chart = (parent, label, option, height) => {
    const element = add(parent, "div", { class: "chart", role: "img", "aria-label": label });
    if (height) element.style.height = height + "px";
    charts.push({ element, option, chart: null, label });
  };
  const draw = (one) => {
    if (one.chart) one.chart.dispose();
    one.chart = echarts.init(one.element, null, { renderer: "svg" });
    const c = colours();
    one.chart.setOption({
      animation: false, color: c.series, textStyle: { color: c.text, fontFamily: "inherit" },
      tooltip: { confine: true, backgroundColor: c.ground, borderColor: c.line, textStyle: { color: c.text } },
      ...one.option(c, one.element.clientWidth < 500) });
    one.element.setAttribute("aria-label", one.label);
  };
  const drawAll = () => charts.forEach(draw);
  const legend = (c) => ({ top: 4, textStyle: { color: c.text }, type: "scroll", pageTextStyle: { color: c.text },
    pageIconColor: c.text, pageIconInactiveColor: c.line });

  // ---- parts of a result ----
  const objectiveOf = (result) => (result.objectives || []).find((o) => o.measure === "rto");

  const sentences = (result, doc) => {
    const text = [];
    const rto = result.rto_s;
    const many = result.runs > 1;
    if (rto.n === 0) return "No run has a result.";
    if (rto.max === 0) {
      text.push(many ? `Writes through ${result.path} were never interrupted in ${result.runs} simulated runs.`
                     : `Writes through ${result.path} were not interrupted.`);
    } else if (many) {
      text.push(`In ${result.runs} simulated runs writes through ${result.path} came back after ${seconds(rto.p50)} in the median; ` +
        `95 % were back within ${seconds(rto.p95)}, the slowest took ${result.censored ? "at least " : ""}${seconds(rto.max)}.`);
    } else {
      text.push(`Writes through ${result.path} came back after ${result.censored ? "more than " : ""}${seconds(rto.max)}.`);
    }
    if (result.censored) text.push(`In ${result.censored} of them they had not come back when the run ended.`);
    if (result.dominating_stage && rto.max > 0) {
      text.push(`Most of it is ${words(result.dominating_stage)} (${percent(result.stage_shares[result.dominating_stage])})` +
        (result.setting ? `: ${result.setting}.` : "."));
    }
    const objective = objectiveOf(result);
    if (objective) {
      text.push(`The objective of ${seconds(objective.bound)} is ${objective.verdict}: ${objective.reason}.`);
    }
    const lost = result.rpo.rows;
    text.push(lost.max > 0 ? `Up to ${lost.max} acknowledged rows were lost.` : "No acknowledged row was lost.");
    if (result.dual_writer_ms.max > 0) {
      text.push(`Two members acknowledged writes at the same time for up to ${seconds(result.dual_writer_ms.max / 1000)}.`);
    }
    const broken = (result.violations || []).filter((v) => !v.explained);
    if (broken.length) text.push(`Broken invariants: ${broken.map((v) => v.text).join("; ")}.`);
    return text.join(" ");
  };

  const distribution = (parent, result, measured) => {
    const points = result.rto_points_s || [];
    if (points.length < 2 || points.at(-1) === 0) return;
    const objective = objectiveOf(result);
    add(parent, "h3", {}, "How long writes are gone");
    chart(parent, `Share of runs whose RTO is at most so many seconds; median ${seconds(result.rto_s.p50)}`, (c) => {
      const marks = [];
      if (objective) {
        marks.push({ xAxis: objective.bound, label: { formatter: "objective", color: c.bad, position: "end" },
          lineStyle: { color: c.bad, type: "solid", width: 2 } });
      }
      for (const m of measured) {
        marks.push({ xAxis: m.rto, label: { formatter: "measured", color: c.good, position: "insideEndTop" },
          lineStyle: { color: c.good, type: "dashed", width: 2 } });
      }
      const largest = Math.max(points.at(-1), objective ? objective.bound : 0, ...measured.map((m) => m.rto));
      return {
        grid: { left: 56, right: 28, top: 32, bottom: 44 },
        tooltip: { trigger: "axis", confine: true, backgroundColor: c.ground, borderColor: c.line, textStyle: { color: c.text },
          formatter: (p) => `${percent(p[0].data[1])} within ${seconds(p[0].data[0])}` },
        xAxis: axis(c, "RTO in seconds", { type: "value", min: 0, max: Math.ceil(largest * 1.05) }),
        yAxis: axis(c, "", { type: "value", min: 0, max: 1, axisLabel: { color: c.dim, formatter: (v) => percent(v) } }),
        series: [{ type: "line", step: "end", symbol: "none", lineStyle: { width: 2 }, areaStyle: { opacity: 0.12 },
          data: [[points[0], 0], ...points.map((s, i) => [s, (i + 1) / points.length])],
          markLine: { symbol: "none", silent: true, data: marks } }] };
    });
    const modes = (result.modes || []).filter((m) => m.runs > 0);
    if (modes.length > 1) {
      add(parent, "p", { class: "note" }, "Several outcomes: " + modes.map((m) =>
        `${percent(m.share)} of the runs take ${seconds(m.min_s)} to ${seconds(m.max_s)} (seed ${m.seed})`).join("; ") + ".");
    }
  };

  const stages = (parent, results) => {
    const shown = results.filter((r) => r.rto_s.n > 0 && stageNames.some((s) => (r.stages_s[s].p50 || 0) > 0 || r.stage_shares[s] > 0));
    if (!shown.length) return;
    add(parent, "h3", {}, "Where the time goes");
    // The median, divided as the sum of all RTOs is.
    const mean = (r, s) => r.stage_shares[s] * r.rto_s.p50;
    chart(parent, "Stages of the median RTO: " + shown.map((r) => r.scenario + " " +
      stageNames.filter((s) => r.stage_shares[s] > 0).map((s) => `${words(s)} ${percent(r.stage_shares[s])}`).join(", ")).join("; "),
    (c, small) => ({
      legend: legend(c),
      grid: { left: 8, right: 20, top: 44, bottom: 44, containLabel: true },
      tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, confine: true, backgroundColor: c.ground,
        borderColor: c.line, textStyle: { color: c.text }, valueFormatter: seconds },
      xAxis: axis(c, small ? "median RTO in seconds" : "median RTO in seconds, divided by each stage's share of all outages", { type: "value" }),
      yAxis: axis(c, "", { type: "category", inverse: true, data: shown.map((r) => r.scenario),
        axisLabel: { color: c.text, width: small ? 96 : 260, overflow: "truncate" } }),
      series: stageNames.map((s) => ({ name: words(s), type: "bar", stack: "all", barMaxWidth: 34,
        data: shown.map((r) => Number(mean(r, s).toFixed(3))) })) }), 110 + 30 * shown.length);
  };

  const paths = (parent, result) => {
    const rows = Object.entries(result.paths || {}).map(([name, p]) => [name, seconds(p.rto_s.p50), seconds(p.rto_s.p95),
      (p.censored ? "≥ " : "") + seconds(p.rto_s.max), seconds(p.downtime_s.p50), p.failures.p50, p.not_retried.p50]);
    if (!rows.length) return;
    table(parent, "Every path: RTO, downtime and failed attempts per run",
      ["path", "RTO p50", "p95", "max", "downtime p50", "failed p50", "not retried p50"], rows, [1, 2, 3, 4, 5, 6]);
  };

  const errors = (parent, result) => {
    const rows = Object.entries(result.errors || {}).map(([text, d]) => [text, d.p50, d.p95, d.max]);
    if (rows.length) table(parent, `What clients of ${result.path} saw, attempts per run`, ["error", "p50", "p95", "max"], rows, [1, 2, 3]);
  };

  // What lies around the fault: twice its RTO, not the whole observation.
  const endOf = (result) => Math.max(15, 2 * (result.rto_s.max || 0));

  // One lane for each component; outages of the paths as bars.
  const timeline = (parent, doc, result) => {
    const events = (doc.timeline || []).filter((e) => e.component !== "fault");
    if (!events.length) return;
    const outages = result.outages || [];
    const end = endOf(result);
    const lanes = [...new Set([...outages.map((o) => "path " + o.path), ...events.filter((e) => e.t_s <= end).map((e) => e.component)])];
    add(parent, "h3", {}, "What happened, component by component");
    chart(parent, `Timeline of ${events.length} events of ${lanes.length} components since the fault; the same as a table below`, (c, small) => ({
      grid: { left: 8, right: 20, top: 28, bottom: 44, containLabel: true },
      tooltip: { confine: true, backgroundColor: c.ground, borderColor: c.line, textStyle: { color: c.text },
        formatter: (p) => `<b>${seconds(p.value[0])}</b> ${echarts.format.encodeHTML(String(p.value[2]))}`,
        extraCssText: "max-width:min(80vw,420px);white-space:normal" },
      xAxis: axis(c, "seconds since the fault", { type: "value", max: Math.ceil(end), min: (v) => Math.min(0, Math.floor(v.min)) }),
      yAxis: axis(c, "", { type: "category", inverse: true, data: lanes, splitLine: { show: true, lineStyle: { color: c.line, opacity: 0.5 } },
        axisLabel: { color: c.text, interval: 0, width: small ? 110 : 240, overflow: "truncate" } }),
      series: [
        { type: "custom", encode: { x: [0, 3], y: 1 }, itemStyle: { color: c.bad },
          data: outages.map((o) => [Math.max(o.from_s, 0), "path " + o.path, `no success on ${o.path} until ${seconds(o.to_s)}`, Math.min(o.to_s, end)]),
          renderItem: (params, api) => {
            const from = api.coord([api.value(0), api.value(1)]);
            const to = api.coord([api.value(3), api.value(1)]);
            return { type: "rect", shape: { x: from[0], y: from[1] - 6, width: Math.max(2, to[0] - from[0]), height: 12 },
              style: { fill: c.bad, opacity: 0.75 } };
          } },
        { type: "scatter", symbolSize: 8, itemStyle: { color: c.series[0], opacity: 0.85 },
          data: events.filter((e) => e.t_s <= end).map((e) => [e.t_s, e.component, e.event]),
          markLine: { symbol: "none", silent: true, data: [{ xAxis: 0, label: { formatter: "fault", color: c.bad, position: "start" },
            lineStyle: { color: c.bad, type: "solid" } }] } }] }), 100 + 26 * lanes.length);
    const details = add(parent, "details");
    add(details, "summary", {}, `All ${events.length} events`);
    table(details, "Events since the fault", ["time", "component", "event", "id", "cause"],
      (doc.timeline || []).map((e) => [seconds(e.t_s), e.component, e.event, e.id, e.cause]), [0, 3, 4]);
  };

  const load = (parent, result) => {
    for (const [name, a] of Object.entries(result.attempts || {})) {
      if (name !== result.path && Object.keys(result.attempts).includes(result.path)) continue;
      add(parent, "h3", {}, `Answers by the second, ${name}`);
      chart(parent, `Attempts on ${name} that succeeded and failed, by the second`, (c) => ({
        legend: legend(c), grid: { left: 44, right: 20, top: 40, bottom: 44 },
        tooltip: { trigger: "axis", confine: true, backgroundColor: c.ground, borderColor: c.line, textStyle: { color: c.text } },
        xAxis: axis(c, "seconds since the fault", { type: "value", min: a.from_s, max: Math.min(a.from_s + a.ok.length, Math.ceil(endOf(result))) }),
        yAxis: axis(c, "", { type: "value" }),
        series: [
          { name: "succeeded", type: "line", step: "start", symbol: "none", areaStyle: { opacity: 0.3 }, color: c.good,
            data: a.ok.map((n, i) => [a.from_s + i, n]),
            markLine: { symbol: "none", silent: true, data: [{ xAxis: 0, label: { formatter: "fault", color: c.bad }, lineStyle: { color: c.bad } }] } },
          { name: "failed", type: "line", step: "start", symbol: "none", areaStyle: { opacity: 0.3 }, color: c.bad,
            data: a.failed.map((n, i) => [a.from_s + i, n]) }] }));
    }
    const pool = result.pool || [];
    if (pool.length) {
      add(parent, "h3", {}, "PgBouncer's pool");
      chart(parent, "Clients and servers of the pool over time", (c) => ({
        legend: legend(c), grid: { left: 44, right: 20, top: 40, bottom: 44 },
        tooltip: { trigger: "axis", confine: true, backgroundColor: c.ground, borderColor: c.line, textStyle: { color: c.text } },
        xAxis: axis(c, "seconds since the fault", { type: "value", min: Math.floor(pool[0].t_s), max: Math.ceil(Math.min(pool.at(-1).t_s, endOf(result))) }),
        yAxis: axis(c, "", { type: "value", minInterval: 1 }),
        series: ["cl_active", "cl_waiting", "sv_active", "sv_idle"].map((key) => ({ name: key, type: "line", step: "end",
          symbol: "none", lineStyle: { width: 2 }, data: pool.map((p) => [p.t_s, p[key]]) })) }));
    }
  };

  const observed = (parent, result) => {
    const lines = (result.observed || []).filter((o) => o.at_s !== null && o.simulated_s && o.simulated_s.n > 0);
    if (!lines.length) return;
    add(parent, "h3", {}, "The log beside the simulation");
    chart(parent, "Logged times beside the simulated range: " + lines.map((o) =>
      `${o.event} logged ${seconds(o.at_s)}, simulated ${seconds(o.simulated_s.p50)}`).join("; "), (c, small) => ({
      legend: legend(c), grid: { left: 8, right: 20, top: 40, bottom: 44, containLabel: true },
      tooltip: { confine: true, backgroundColor: c.ground, borderColor: c.line, textStyle: { color: c.text } },
      xAxis: axis(c, "seconds since the fault", { type: "value" }),
      yAxis: axis(c, "", { type: "category", inverse: true, data: lines.map((o) => o.event),
        axisLabel: { color: c.text, interval: 0, width: small ? 120 : 320, overflow: "truncate" } }),
      series: [
        { name: "simulated, 5 to 95 %", type: "custom", color: c.series[0], encode: { x: [0, 2], y: 1 },
          data: lines.map((o, i) => [o.simulated_s.p5, i, o.simulated_s.p95]),
          renderItem: (params, api) => {
            const a = api.coord([api.value(0), api.value(1)]), b = api.coord([api.value(2), api.value(1)]);
            return { type: "rect", shape: { x: a[0], y: a[1] - 5, width: Math.max(2, b[0] - a[0]), height: 10 }, style: { fill: c.series[0], opacity: 0.5 } };
          } },
        { name: "logged", type: "scatter", symbol: "diamond", symbolSize: 12, color: c.bad, data: lines.map((o, i) => [o.at_s, i]) }] }), 90 + 26 * lines.length);
  };

  const rehearsal = (parent, doc) => {
    const results = doc.results;
    add(parent, "h3", {}, "Every fault");
    chart(parent, "RTO by fault: " + results.map((r) => `${words(r.scenario)} median ${seconds(r.rto_s.p50)}, 95 % ${seconds(r.rto_s.p95)}`).join("; "), (c, small) => ({
      legend: legend(c), grid: { left: 8, right: 24, top: 40, bottom: 44, containLabel: true },
      tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, confine: true, backgroundColor: c.ground, borderColor: c.line,
        textStyle: { color: c.text }, valueFormatter: (v) => seconds(Array.isArray(v) ? v[0] : v) },
      xAxis: axis(c, "RTO in seconds", { type: "value" }),
      yAxis: axis(c, "", { type: "category", inverse: true, data: results.map((r) => words(r.scenario)),
        axisLabel: { color: c.text, interval: 0, width: small ? 110 : 200, overflow: "truncate" } }),
      series: [{ name: "p50", type: "bar", barMaxWidth: 14, data: results.map((r) => r.rto_s.p50) },
        { name: "p95", type: "scatter", symbol: "rect", symbolSize: [3, 14], data: results.map((r, i) => [r.rto_s.p95, i]) },
        { name: "max", type: "scatter", symbol: "circle", symbolSize: 6, data: results.map((r, i) => [r.rto_s.max, i]) }] }), 100 + 24 * results.length);
    const rows = results.map((r) => [words(r.scenario), r.verdict, seconds(r.rto_s.p50), seconds(r.rto_s.p95), (r.censored ? "≥ " : "") + seconds(r.rto_s.max),
      r.rpo.rows.max, r.dominating_stage ? words(r.dominating_stage) : "", r.setting || ""]);
    table(parent, "RTO of each fault", ["fault", "verdict", "p50", "p95", "max", "lost rows", "stage", "decided by"], rows, [2, 3, 4, 5]);
  };

  const whatIf = (parent, doc) => {
    const points = doc.results.filter((r) => r.varied);
    const keys = points.length ? Object.keys(points[0].varied) : [];
    const name = (key) => key.split(".").at(-1);
    const values = keys.map((k) => [...new Set(points.map((p) => p.varied[k]))]);
    const measures = Object.keys((points[0] || {}).measures || {});
    const valueOf = (p, m) => m === undefined ? p.rto_s.p95 : p.measures[m].value;
    for (const m of measures.length ? measures : [undefined]) {
      const label = m === undefined ? "RTO p95" : m;
      if (keys.length === 2 && values[0].length > 1 && values[1].length > 1) {
        const cells = points.map((p) => [values[0].indexOf(p.varied[keys[0]]), values[1].indexOf(p.varied[keys[1]]), valueOf(p, m)]).filter((d) => d[2] !== null);
        if (!cells.length) continue;
        if (cells.every((d) => d[2] === cells[0][2])) {
          add(parent, "p", { class: "note" }, `${label} is ${cells[0][2]} at every point.`);
          continue;
        }
        add(parent, "h3", {}, `${label} by ${name(keys[0])} and ${name(keys[1])}`);
        chart(parent, `${label} by ${keys.join(" and ")}: ` + points.map((p) => `${Object.values(p.varied).join(", ")}: ${valueOf(p, m)}`).join("; "), (c) => {
          const low = Math.min(...cells.map((d) => d[2])), high = Math.max(...cells.map((d) => d[2]));
          return {
            grid: { left: 64, right: 24, top: 20, bottom: 90 },
            xAxis: axis(c, name(keys[0]), { type: "category", data: values[0], splitArea: { show: false } }),
            yAxis: axis(c, name(keys[1]), { type: "category", data: values[1], nameGap: 40 }),
            visualMap: { min: low, max: high > low ? high : low + 1, calculable: false, text: [String(Number(high.toPrecision(3))), String(Number(low.toPrecision(3)))], orient: "horizontal", left: "center", bottom: 4,
              textStyle: { color: c.text }, inRange: { color: dark.matches && !printing ? ["#163a5f", "#79b8ff"] : ["#e3f0ff", "#4a90d9"] } },
            series: [{ type: "heatmap", data: cells, label: { show: true, color: dark.matches && !printing ? "#ffffff" : "#1b1f24",
              textBorderWidth: dark.matches && !printing ? 2 : 0, textBorderColor: "#14171c", formatter: (p) => Number(p.value[2].toPrecision(3)) } }] };
        });
      } else if (keys.length >= 1) {
        const shown = points.filter((p) => valueOf(p, m) !== null);
        if (!shown.length) continue;
        add(parent, "h3", {}, `${label} by ${keys.map(name).join(", ")}`);
        chart(parent, `${label}: ` + shown.map((p) => `${Object.values(p.varied).join(", ")}: ${valueOf(p, m)}`).join("; "), (c) => ({
          grid: { left: 56, right: 24, top: 20, bottom: 48 },
          tooltip: { trigger: "axis", confine: true, backgroundColor: c.ground, borderColor: c.line, textStyle: { color: c.text } },
          xAxis: axis(c, keys.map(name).join(" / "), { type: "category", data: shown.map((p) => Object.values(p.varied).join(" / ")) }),
          yAxis: axis(c, "", { type: "value", scale: true }),
          series: [{ type: "line", symbolSize: 8, data: shown.map((p) => valueOf(p, m)) }] }));
      }
    }
    if (points.length && measures.length) {
      table(parent, "Difference to the current configuration, 95 % intervals of paired runs",
        [...keys.map(name), ...measures.flatMap((m) => [m, "difference"])],
        points.map((p) => [...keys.map((k) => p.varied[k]), ...measures.flatMap((m) => {
          const d = p.measures[m];
          const fixed = (v) => (v === null ? "–" : Number(v.toPrecision(4)));
          return [fixed(d.value) + " " + d.unit, d.difference === null ? "–" : `${fixed(d.difference)}` + (d.difference_ci ? ` [${d.difference_ci.map(fixed).join(", ")}]` : "")];
        })]));
    }
    const moved = Object.entries((doc.what_if || {}).elasticities || {});
    if (moved.length) {
      add(parent, "h3", {}, "Sensitivity of the mean RTO");
      chart(parent, "Elasticity of the mean RTO: " + moved.map(([k, e]) => `${k} ${e.rto.value}`).join("; "), (c, small) => ({
        grid: { left: 8, right: 24, top: 16, bottom: 44, containLabel: true },
        tooltip: { confine: true, backgroundColor: c.ground, borderColor: c.line, textStyle: { color: c.text } },
        xAxis: axis(c, "% of RTO for 1 % of the setting", { type: "value" }),
        yAxis: axis(c, "", { type: "category", inverse: true, data: moved.map(([k]) => k), axisLabel: { color: c.text, width: small ? 120 : 260, overflow: "truncate" } }),
        series: [{ type: "bar", barMaxWidth: 24, data: moved.map(([, e]) => e.rto.value) }] }), 90 + 32 * moved.length);
    }
  };

  const gate = (parent, result) => {
    const g = result.gate;
    if (!g) return;
    add(parent, "p", {}, "Against its baseline: ", Object.assign(document.createElement("span"), { className: "verdict " + g.verdict, textContent: g.verdict }), `, ${g.how}.`);
    const list = add(parent, "ul");
    for (const reason of g.reasons) add(list, "li", {}, reason);
    if (g.stage) add(list, "li", {}, `stage: ${words(g.stage)}`);
    if (g.key) add(list, "li", {}, `${g.key.file}${g.key.line ? ":" + g.key.line : ""} ${g.key.key}: ${g.key.before ?? "(not set)"} → ${g.key.after ?? "(removed)"}`);
    if (!list.childElementCount) list.remove();
  };

  // A measured journal: the longest stretch without a success on a path, as the program defines outages.
  const measuredOf = (journal) => {
    const found = [];
    for (const path of journal.paths) {
      const own = journal.attempts.filter((a) => a.path === path).sort((a, b) => a.finished - b.finished);
      let last = null, longest = 0, begin = 0;
      for (const a of own) {
        if (!a.ok) continue;
        if (last !== null && a.finished - last > longest) { longest = a.finished - last; begin = last; }
        last = a.finished;
      }
      if (own.length) found.push({ path, file: journal.file, rto: longest > 1 ? longest : 0, begin, attempts: own.length, failed: own.filter((a) => !a.ok).length });
    }
    return found;
  };
  const measuredTable = (parent, measured, results) => {
    if (!measured.length) return;
    add(parent, "h2", {}, "Measured");
    const predicted = (path) => results.map((r) => (r.paths || {})[path]).find(Boolean);
    table(parent, "Longest stretch without a success, measured beside predicted", ["path", "journal", "attempts", "failed", "measured outage", "predicted p5", "p50", "p95"],
      measured.map((m) => {
        const p = predicted(m.path);
        return [m.path, m.file, m.attempts, m.failed, seconds(m.rto), ...(p ? [seconds(p.rto_s.p5), seconds(p.rto_s.p50), seconds(p.rto_s.p95)] : ["–", "–", "–"])];
      }), [2, 3, 4, 5, 6, 7]);
  };

  const facts = (parent, doc, results) => {
    const list = add(parent, "dl", { class: "facts" });
    const fact = (name, value, code) => {
      add(list, "dt", {}, name);
      const dd = add(list, "dd");
      if (code) add(dd, "code", {}, value); else dd.append(value);
    };
    fact("system", doc.system);
    fact("runs", `${doc.runs}, seeds ${doc.seed} to ${doc.seed + Math.max(1, doc.runs) - 1}`);
    fact("version", `predrill ${doc.version}`);
    fact("fingerprint", doc.fingerprint, true);
    if (doc.reproduce) fact("to reproduce", doc.reproduce, true);
    fact("file", doc.file);
  };

  // ---- the page ----
  for (const journal of data.journals) {
    journal.attempts = journal.attempts.map(([path, finished, ok]) => ({ path, finished, ok }));
  }
  const measured = data.journals.flatMap(measuredOf);
  const all = data.documents.flatMap((d) => d.results);
  for (const doc of data.documents) {
    const section = add(main, "section", { class: "result" });
    const single = doc.results.length === 1;
    const heading = add(section, "h2", {}, single ? doc.results[0].scenario : `${words(doc.command)}: ${doc.system}`);
    if (single) heading.append(" ", Object.assign(document.createElement("span"), { className: "verdict " + doc.results[0].verdict, textContent: doc.results[0].verdict }));
    if (doc.command === "what-if") {
      const current = doc.results.find((r) => !r.varied);
      if (current) add(section, "p", { class: "words" }, "As it is: " + sentences(current, doc));
      whatIf(section, doc);
    } else if (single) {
      const result = doc.results[0];
      add(section, "p", { class: "words" }, sentences(result, doc));
      gate(section, result);
      distribution(section, result, measured.filter((m) => m.path === result.path && m.rto > 0));
      stages(section, [result]);
      timeline(section, doc, result);
      load(section, result);
      observed(section, result);
      paths(section, result);
      errors(section, result);
    } else {
      const worst = [...doc.results].sort((a, b) => (b.rto_s.p95 || 0) - (a.rto_s.p95 || 0))[0];
      const count = (v) => doc.results.filter((r) => r.verdict === v).length;
      add(section, "p", { class: "words" }, `${doc.results.length} scenarios: ${count("met")} met their objectives, ${count("missed")} missed them, ` +
        `${count("undecided")} are undecided. The slowest is ${words(worst.scenario)}: 95 % of its runs are back within ${seconds(worst.rto_s.p95)}.`);
      rehearsal(section, doc);
      stages(section, doc.results.map((r) => ({ ...r, scenario: words(r.scenario) })));
      for (const result of doc.results.filter((r) => r.gate && r.gate.verdict !== "pass")) {
        add(section, "h3", {}, result.scenario);
        gate(section, result);
      }
    }
    add(section, "h3", {}, "How this was made");
    facts(section, doc, doc.results);
  }
  measuredTable(main, measured, all);

  drawAll();
  dark.addEventListener("change", drawAll);
  let pending = 0;
  addEventListener("resize", () => { clearTimeout(pending); pending = setTimeout(drawAll, 120); });
  addEventListener("beforeprint", () => { printing = true; document.querySelectorAll("details").forEach((d) => { d.open = true; }); drawAll(); });
  addEventListener("afterprint", () => { printing = false; drawAll(); });
})();
