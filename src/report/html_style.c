/* The look of report.html. Colours are named once for light and once for dark, and follow the reader's system; figures
 * are inline SVG and take them from here. No scripts, nothing fetched. */
#include "report/html_parts.h"

#include <stddef.h>

const char *const ath__html_style[] = {
    /* colours, page, type */
    ":root{color-scheme:light dark;--ink:#16181d;--soft:#5b6270;--faint:#8b93a1;--line:#e4e7ec;--page:#f6f7f9;"
    "--card:#fff;--sunk:#f1f3f6;--blue:#2563eb;--amber:#d97706;--red:#dc2626;--green:#15803d;--heat:37,99,235;"
    "--miss:220,38,38}"
    "@media(prefers-color-scheme:dark){:root{--ink:#eceef2;--soft:#a3abb8;--faint:#767f8d;--line:#2b313c;--page:#0e1116;"
    "--card:#161a21;--sunk:#1d222b;--blue:#6ea3ff;--amber:#f2ab3c;--red:#ff7b72;--green:#56c271;--heat:77,141,255;"
    "--miss:255,99,90}}"
    "*{box-sizing:border-box}html{scroll-padding-top:56px}"
    "body{margin:0;background:var(--page);color:var(--ink);font:15px/1.55 system-ui,-apple-system,'Segoe UI','Noto Sans',"
    "'DejaVu Sans',sans-serif;-webkit-font-smoothing:antialiased}"
    "nav{position:sticky;top:0;z-index:5;background:var(--card);border-bottom:1px solid var(--line)}"
    "nav div{max-width:1120px;margin:0 auto;padding:0 24px;display:flex;gap:4px;overflow-x:auto;font-size:13.5px}"
    "nav a{padding:11px 10px;color:var(--soft);text-decoration:none;white-space:nowrap}nav a:hover{color:var(--ink)}"
    "nav a:first-child{color:var(--ink);font-weight:650;padding-left:0}a:focus-visible{outline:2px solid var(--blue)}"
    "main{max-width:1120px;margin:0 auto;padding:36px 24px 80px}"
    "h1{font-size:30px;line-height:1.2;letter-spacing:-.015em;margin:0}"
    "h2{font-size:19px;letter-spacing:-.01em;margin:0 0 4px}h3{font-size:14px;margin:0 0 8px}"
    "section{margin-top:52px}p{margin:0;color:var(--soft)}.lead{margin-bottom:16px;max-width:75ch}"
    "code{font:13px/1.4 ui-monospace,'SF Mono',Menlo,'DejaVu Sans Mono',monospace;background:var(--sunk);"
    "border-radius:4px;padding:2px 6px;overflow-wrap:anywhere}"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:12px;overflow:hidden}.pad{padding:18px 20px}"
    ".scroll{overflow:auto;max-height:560px}.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(330px,1fr));"
    "gap:16px}"
    /* the figures at the top */
    ".hero{display:grid;grid-template-columns:minmax(240px,1fr) 2.4fr;gap:16px;margin-top:26px}"
    "@media(max-width:760px){.hero{grid-template-columns:1fr}}"
    ".main{padding:22px 24px;display:flex;flex-direction:column;justify-content:center}"
    ".main b{font-size:46px;line-height:1.1;letter-spacing:-.03em;font-variant-numeric:tabular-nums}"
    ".main span{color:var(--soft)}"
    ".facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(148px,1fr));overflow:hidden}"
    ".facts div{padding:13px 16px;outline:.5px solid var(--line)}"
    ".facts b{display:block;font-size:18px;font-weight:620;font-variant-numeric:tabular-nums}"
    ".facts span{color:var(--soft);font-size:12.5px;line-height:1.35;display:block}",
    /* tables */
    "table{border-collapse:collapse;width:100%;font-size:13.5px}th,td{padding:7px 14px;text-align:left;"
    "border-bottom:1px solid var(--line);white-space:nowrap}tr:last-child td{border-bottom:0}"
    "th{background:var(--card);color:var(--soft);font-weight:560;font-size:12.5px}.scroll th{position:sticky;top:0;z-index:1}"
    ".n{text-align:right;font-variant-numeric:tabular-nums}td.w{white-space:normal;overflow-wrap:anywhere}"
    "tr.best td{font-weight:650}.d{color:var(--faint)}"
    ".bar{display:block;min-width:90px;height:6px;border-radius:3px;background:var(--sunk);overflow:hidden}"
    ".bar i{display:block;height:100%;border-radius:3px;background:var(--blue)}"
    "details>summary{cursor:pointer;padding:13px 20px;color:var(--soft);font-size:13.5px}details[open]>summary{"
    "border-bottom:1px solid var(--line)}"
    /* confusion matrix */
    ".beside{display:grid;grid-template-columns:minmax(0,1.7fr) minmax(280px,1fr);gap:16px;align-items:start}"
    ".stack{display:grid;grid-template-columns:minmax(0,1fr);gap:16px}@media(max-width:860px){.beside{grid-template-columns:minmax(0,1fr)}}"
    ".matrix.up tr:first-child th{vertical-align:bottom}.matrix.up tr:first-child th div{writing-mode:vertical-rl;"
    "transform:rotate(180deg);max-height:130px;overflow:hidden;text-overflow:ellipsis;margin:0 auto;line-height:1.2}"
    ".matrix{width:auto;margin:0 auto}.matrix td,.matrix th{padding:6px 4px;min-width:43px;max-width:120px;overflow:hidden;"
    "text-overflow:ellipsis;text-align:center;border:0;font-size:12px;font-variant-numeric:tabular-nums}"
    ".matrix td{border:1px solid var(--card);border-radius:5px;height:34px}.matrix tr>th:first-child{text-align:right;"
    "position:sticky;left:0;z-index:2;padding-right:10px}.z{color:var(--line)}",
    /* charts */
    "svg{display:block;width:100%;height:auto}svg text{fill:var(--soft);font:11px system-ui,'Noto Sans','DejaVu Sans',"
    "sans-serif;font-variant-numeric:tabular-nums}.grid{stroke:var(--line)}.axis{stroke:var(--faint)}"
    ".t,.v,.r{fill:none;stroke-width:2;stroke-linejoin:round}.t{stroke:var(--amber)}.v{stroke:var(--blue)}"
    ".r{stroke:var(--soft)}.dt{fill:var(--amber)}.dv{fill:var(--blue)}.dr{fill:var(--soft)}"
    ".ring{fill:none;stroke:var(--ink);stroke-width:1.5}.ideal{stroke:var(--faint);stroke-dasharray:4 4}"
    ".hot{fill:rgb(var(--heat))}.bad{fill:rgb(var(--miss))}.hollow{fill:var(--blue);fill-opacity:.16}"
    ".key{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:12.5px;color:var(--soft);margin:0 0 10px}"
    ".key i{display:inline-block;width:14px;height:3px;border-radius:2px;vertical-align:middle;margin-right:6px}"
    /* gallery */
    ".gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(112px,1fr));gap:12px}"
    ".gallery figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden}"
    ".gallery img{display:block;width:100%;aspect-ratio:1;object-fit:contain;background:var(--sunk)}"
    ".gallery img.s{image-rendering:pixelated}"
    ".gallery figcaption{padding:8px 10px 10px;font-size:12.5px;line-height:1.4;overflow-wrap:anywhere}"
    ".gallery b{display:block;font-weight:620}.gallery .d{white-space:nowrap}.wrong{color:var(--red)}.right{color:var(--green)}"
    /* findings */
    ".finding{padding:16px 20px;border-left:4px solid var(--amber);margin-top:12px}.finding h3{font-size:15px;margin:0}"
    ".finding p{margin-top:6px}.finding code{color:var(--ink)}.chip{font-size:11.5px;font-weight:620;letter-spacing:.04em;"
    "color:var(--amber);margin-right:10px}.sure{float:right;color:var(--faint);font-size:12.5px}"
    "@media print{nav{display:none}.scroll{max-height:none}section{break-inside:avoid}}",
    NULL};
