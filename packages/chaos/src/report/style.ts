/** How the report looks. */
export const STYLE = `
:root { color-scheme: light dark; --bg:#fff; --fg:#1c2330; --soft:#5b6576; --line:#dfe3ea; --card:#f6f7f9;
  --good:#1b7f4b; --bad:#c62f3a; --blue:#3867b7; --amber:#d98a1c; --violet:#7d56c2; --brown:#8d6a3c; --teal:#2b8c8c; }
@media (prefers-color-scheme: dark) { :root { --bg:#12161d; --fg:#e6e9ef; --soft:#9aa5b6; --line:#2a313d; --card:#1a202a;
  --good:#4cc38a; --bad:#ff6b74; --blue:#79a6f2; --amber:#f0b155; --violet:#b497f0; --brown:#c9a36c; --teal:#5cc4c4; } }
* { box-sizing: border-box; }
body { margin:0; background:var(--bg); color:var(--fg); font:15px/1.5 system-ui, "Segoe UI", "Liberation Sans", sans-serif; }
main { max-width:1180px; margin:0 auto; padding:32px 28px 64px; }
h1 { font-size:26px; margin:0 0 4px; letter-spacing:-.01em; } h2 { font-size:18px; margin:40px 0 10px; }
h3 { font-size:15px; margin:22px 0 6px; color:var(--soft); font-weight:600; }
p.sub { margin:0 0 20px; color:var(--soft); } code { font:13px/1.4 ui-monospace, "Liberation Mono", monospace; }
pre { background:var(--card); border:1px solid var(--line); border-radius:8px; padding:12px 14px; overflow-x:auto; margin:8px 0; }
.verdict { display:inline-block; border-radius:999px; padding:3px 14px; font-weight:600; color:#fff; font-size:14px; }
.verdict.ok { background:#1b7f4b; } .verdict.bad { background:#c62f3a; }
.cards { display:grid; grid-template-columns:repeat(4, 1fr); gap:12px; margin:12px 0; }
@media (max-width: 760px) { .cards { grid-template-columns:repeat(2, 1fr); } }
.card { background:var(--card); border:1px solid var(--line); border-radius:10px; padding:12px 14px; }
.card b { display:block; font-size:22px; letter-spacing:-.01em; } .card span { color:var(--soft); font-size:13px; }
table { border-collapse:collapse; width:100%; font-variant-numeric:tabular-nums; }
th, td { text-align:right; padding:6px 10px; border-bottom:1px solid var(--line); }
th { color:var(--soft); font-weight:600; font-size:13px; }
th:first-child, td:first-child, td.text, th.text { text-align:left; }
ul.wrong li { color:var(--bad); overflow-wrap:anywhere; } svg { width:100%; height:auto; display:block; }
svg text { font:11px system-ui, "Liberation Sans", sans-serif; fill:var(--soft); }
svg text.lane { fill:var(--fg); font-size:12px; }
.grid { stroke:var(--line); stroke-width:1; } .idle { fill:var(--line); opacity:.45; }
rect.kill, .key.kill { fill:var(--bad); background:var(--bad); }
rect.stop, .key.stop { fill:var(--amber); background:var(--amber); }
rect.network, .key.network { fill:var(--violet); background:var(--violet); }
rect.disk, .key.disk { fill:var(--brown); background:var(--brown); }
rect.operate, .key.operate { fill:var(--teal); background:var(--teal); }
.member-0 { fill:#4c78a8; background:#4c78a8; } .member-1 { fill:#f2a33c; background:#f2a33c; }
.member-2 { fill:#62a668; background:#62a668; }
.member-3 { fill:#b07aa1; background:#b07aa1; } .member-4 { fill:#e15759; background:#e15759; }
.member-5 { fill:#76b7b2; background:#76b7b2; }
.member-6 { fill:#9c755f; background:#9c755f; }
.done { fill:var(--blue); opacity:.55; } .failed { fill:var(--bad); opacity:.6; }
path.p50, path.p99, path.run-0, path.run-1 { fill:none; stroke-width:1.6; stroke-linejoin:round; }
path.p50 { stroke:var(--blue); }
path.p99 { stroke:var(--amber); } path.run-0 { stroke:var(--blue); stroke-width:2.4; }
path.run-1 { stroke:var(--amber); stroke-width:2.4; }
.legend { display:flex; flex-wrap:wrap; gap:6px 18px; color:var(--soft); font-size:13px; margin:6px 0; }
.key { display:inline-block; width:11px; height:11px; border-radius:3px; margin-right:6px; vertical-align:-1px; }
.key.run-0, .key.p50 { background:var(--blue); } .key.run-1, .key.p99 { background:var(--amber); }
.key.done { background:var(--blue); } .key.failed { background:var(--bad); }
details summary { cursor:pointer; color:var(--soft); margin:8px 0; } .scroll { max-height:420px; overflow:auto; }
`;
