/**
 * The style sheet. Colours of Users were chosen so that each two of them stay apart under the three kinds of colour blindness, on light
 * and on dark; nothing is told by colour alone: legends follow the order of the stacks, and each chart has its table.
 */

/** SHA-256 of {@link STYLE}, for the page's policy; the test says what it must be after a change. */
export const STYLE_HASH: string = 'sha256-v2uL3dRRwCnZ2dwL1vwJ45fvX7gd3DcE1rX7wRlTdUw=';

const LIGHT = `
--page:#f6f7f8;--panel:#fff;--ink:#1d2329;--soft:#5a6570;--rule:#d9dee2;--grid:#e8ebed;--focus:#2f6db0;
--good:#2f6db0;--bad:#b3401f;--late:#d9762b;--wait:#c9d0d6;--plan:#8a949d;--pale:#dbe7f4;--mid:#5f97d0;--near:#9cc4ea;
--u1:#5256b0;--u2:#feb165;--u3:#259183;--u4:#903267;--u5:#42a6ee;--u6:#948421;--u7:#6a6300;--u8:#b4b9bf;--other:#e3e6e9;`;

const DARK = `
--page:#121416;--panel:#1b1e22;--ink:#e6e9ec;--soft:#9aa5af;--rule:#363c43;--grid:#2a2f35;--focus:#7fb2ea;
--good:#5b97db;--bad:#ef8a66;--late:#e6a04a;--wait:#4a525a;--plan:#8a949d;--pale:#22364b;--mid:#3f74b0;--near:#35577c;
--u1:#8fb0fe;--u2:#c77a2c;--u3:#4beaf4;--u4:#ea91a6;--u5:#1e8ad0;--u6:#b6de75;--u7:#9d5207;--u8:#6d747c;--other:#2c3238;`;

export const STYLE: string = `
:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
header,main,footer{max-width:1064px;margin:0 auto;padding:0 20px}
header{padding-top:36px;padding-bottom:8px}
h1,h2,p,dl,dd,ol,ul{margin:0}
h1{font-size:30px;line-height:1.2;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:19px;line-height:1.3;font-weight:620}
.kind{color:var(--soft);font-size:13px;letter-spacing:.04em}
.status{margin-top:10px;font-weight:550}
.status::before{content:"";display:inline-block;width:10px;height:10px;border-radius:50%;margin-right:8px;background:var(--good)}
.status.is-open::before{background:none;border:2px solid var(--late)}
.period,.lead,.note,.none,footer{color:var(--soft)}
.lead{margin-top:4px;max-width:74ch}
.note,.none{margin-top:10px;font-size:13.5px}
section{margin:20px 0;padding:22px 24px 24px;background:var(--panel);border:1px solid var(--rule);border-radius:10px}
section>.chart,section>.legend,section>.tiles,section>details,section>.scroll{margin-top:16px}
#figures>.chart{margin-top:22px}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(168px,1fr));gap:18px 20px}
.tile dt{color:var(--soft);font-size:13px}
.tile .figure{font-size:25px;line-height:1.25;font-weight:600;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.tile .bad{color:var(--bad)}
.tile .note{margin:0;font-size:12.5px;font-variant-numeric:tabular-nums}
svg{display:block;width:100%;height:auto;overflow:visible;font-family:inherit}
svg.narrow{display:none}
svg text{fill:var(--soft);font-size:12px;font-variant-numeric:tabular-nums}
svg .row{fill:var(--ink);font-size:12.5px}
svg .value{fill:var(--ink);font-size:12px}
svg .change-number{font-size:11px}
svg .target-text{fill:var(--ink)}
.grid{stroke:var(--grid)}
.base{stroke:var(--rule)}
.hover{fill:transparent}
.hover:hover{fill:var(--ink);fill-opacity:.07}
.area-left{fill:var(--pale)}
.line-left,.line-planned,.line-capacity{fill:none;stroke-linejoin:round}
.line-left{stroke:var(--good);stroke-width:2.25}
.line-planned{stroke:var(--plan);stroke-width:1.75;stroke-dasharray:6 4}
.line-capacity{stroke:var(--ink);stroke-width:1.5}
.dot-left{fill:var(--good);stroke:var(--panel);stroke-width:1.5}
line.change{stroke:var(--soft);stroke-dasharray:2 3}
line.target{stroke:var(--ink);stroke-width:1.25;stroke-dasharray:5 3}
.user-1{fill:var(--u1);background:var(--u1)}
.user-2{fill:var(--u2);background:var(--u2)}
.user-3{fill:var(--u3);background:var(--u3)}
.user-4{fill:var(--u4);background:var(--u4)}
.user-5{fill:var(--u5);background:var(--u5)}
.user-6{fill:var(--u6);background:var(--u6)}
.user-7{fill:var(--u7);background:var(--u7)}
.user-others{fill:var(--u8);background:var(--u8)}
.other-traffic{fill:var(--other);background:var(--other)}
.within,.stage-done,.released,.alone{fill:var(--good);background:var(--good)}
.late,.stage-parked,.of-start{fill:var(--late);background:var(--late)}
.of-meter,.given-up,.stage-failed{fill:var(--bad);background:var(--bad)}
.stage-installed{fill:var(--mid);background:var(--mid)}
.stage-released,.under-way{fill:var(--near);background:var(--near)}
.stage-scheduled,.stage-waiting,.took{fill:var(--wait);background:var(--wait)}
.stage-exempt{fill:var(--plan);background:var(--plan)}
.held{fill:var(--late);fill-opacity:.28;background:color-mix(in srgb,var(--late) 28%,transparent)}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;padding:0;list-style:none;font-size:13px;color:var(--soft);font-variant-numeric:tabular-nums}
.legend li{display:flex;align-items:center;gap:7px;min-width:0;overflow-wrap:anywhere}
.swatch{flex:none;width:12px;height:12px;border-radius:3px}
.swatch.line-left,.swatch.line-planned,.swatch.line-capacity,.swatch.change{height:0;width:18px;border-radius:0;border-top:2px solid var(--good)}
.swatch.line-planned{border-top:2px dashed var(--plan)}
.swatch.line-capacity{border-top-color:var(--ink)}
.swatch.change{width:0;height:14px;border-top:0;border-left:2px dotted var(--soft)}
details summary{cursor:pointer;color:var(--soft);font-size:13.5px;width:fit-content}
details summary:hover{color:var(--ink)}
:focus-visible{outline:2px solid var(--focus);outline-offset:3px;border-radius:3px}
.changes ol{margin-top:8px;padding-left:28px;font-size:13.5px;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.changes li::marker{color:var(--soft)}
.when{color:var(--soft);margin-right:6px}
.scroll{overflow-x:auto;margin-top:12px}
table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{padding:5px 14px 5px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--grid);white-space:nowrap}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--soft);font-weight:500;border-bottom-color:var(--rule);vertical-align:bottom}
tbody th{font-weight:500}
.n{text-align:right}
footer{padding-top:6px;padding-bottom:44px;font-size:12.5px}
code{font:12px ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
@media (max-width:640px){
header,main,footer{padding-left:10px;padding-right:10px}
section{padding:16px 10px 18px;border-radius:8px}
h1{font-size:24px}
.tiles{grid-template-columns:repeat(2,minmax(0,1fr));gap:14px 12px}
.tile .figure{font-size:21px}
svg.wide{display:none}
svg.narrow{display:block}
}
@media print{
:root{${LIGHT}--page:#fff}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
body{font-size:12px}
header,main,footer{max-width:none;padding:0}
section{padding:0;margin:0 0 22px;border:0}
.chart,.tile,tr,.legend,.note{break-inside:avoid}
h2,.lead,.legend,section>.note{break-after:avoid}
details:not([open]){display:none}
.scroll{overflow:visible}
table{font-size:9px}
th,td{padding:2px 6px 2px 0;white-space:normal}
svg.wide{display:block}
svg.narrow{display:none}
}
`;
