"""Style of a document: on a desk, on a phone, on paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{--ink:#22272e;--muted:#5b6470;--line:#dfe3e8;--accent:#1f6f8b;--page:#f5f6f8;--card:#fff;--warn:#9c2f1f}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.58 system-ui,-apple-system,"Segoe UI",sans-serif}
header,nav,main{max-width:60rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2rem}
h1{font-size:1.85rem;line-height:1.2;margin:0 0 .4rem}
.subtitle{color:var(--muted);font-size:1.08rem;margin:0 0 1rem}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.5rem 1.5rem;margin:0;padding:.8rem 0;
border-top:2px solid var(--ink);border-bottom:1px solid var(--line)}
dt{color:var(--muted);font-size:.8rem}
dd{margin:0;overflow-wrap:anywhere}
nav ol{columns:2;column-gap:2rem;margin:1rem 0;padding-left:1.6rem;font-size:.93rem}
a{color:var(--accent)}
section section{margin:1.2rem 0 0}
main>section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:1.1rem 1.4rem 1.3rem;
margin:0 0 1.1rem}
h2{font-size:1.35rem;line-height:1.25;margin:.1rem 0 .6rem}
h3{font-size:1.08rem;margin:1.1rem 0 .4rem}
h4{font-size:1rem;margin:.9rem 0 .3rem}
.no{color:var(--muted);font-weight:400;margin-right:.35rem}
p{margin:.45rem 0 .75rem;max-width:44rem}
ul{margin:.4rem 0 .9rem;padding-left:1.3rem;max-width:44rem}
li{margin:.25rem 0}
.fact{font-variant-numeric:tabular-nums;white-space:nowrap}
.warned{border-left:4px solid var(--warn);background:#fbf1ee;padding:.55rem .8rem;overflow-wrap:anywhere}
figure{margin:1.1rem 0}
img{display:block;max-width:100%;height:auto;margin:0 auto}
figcaption,.caption{color:var(--muted);font-size:.9rem;max-width:44rem}
figcaption{margin-top:.4rem}
.caption{margin:1.1rem 0 0}
.caption+.scroll{margin-top:.1rem}
figcaption b,.caption b{color:var(--ink)}
.scroll{overflow-x:auto;margin:.5rem 0 1rem}
figure .scroll{margin:0}
table{border-collapse:collapse;font-size:.9rem;min-width:50%}
th,td{padding:.32rem .7rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap;vertical-align:top}
th{border-bottom:2px solid var(--muted);font-weight:600;vertical-align:bottom;white-space:normal;max-width:8.5rem}
th:first-child,td:first-child{text-align:left;padding-left:0}
td{font-variant-numeric:tabular-nums}
th.text,td.text{text-align:left}
td.words,td:first-child.words{white-space:normal;text-align:left;min-width:13rem;max-width:32rem;overflow-wrap:anywhere}
td.words .fact{white-space:normal}
.dense table{font-size:.8rem}
.dense th,.dense td{padding:.12rem .6rem}
.dense td:first-child{text-align:left}
.dense td{white-space:normal;text-align:left;overflow-wrap:anywhere}
.dense td:last-child{white-space:nowrap}
.dense td:nth-child(4){min-width:18rem}
@media (min-width:1000px){
main .scroll{width:max-content;min-width:100%;max-width:min(94vw,1240px);background:var(--card)}
main .scroll{margin-left:50%;transform:translateX(-50%)}
figure .scroll{margin-left:0;transform:none;width:auto;max-width:100%}
}
@media screen{
.scroll th:first-child,.scroll td:first-child{position:sticky;left:0;background:var(--card)}
}
@media (max-width:640px){
header,nav,main{padding-left:.8rem;padding-right:.8rem}
header{padding-top:1.2rem}
h1{font-size:1.45rem}
nav ol{columns:1}
main>section{padding:.8rem .85rem 1rem;border-radius:6px}
figure img{max-width:none;width:680px}
th,td{padding:.3rem .45rem}
td:first-child{white-space:normal;min-width:5.5rem}
}
@page{size:A4;margin:17mm 16mm 18mm;@bottom-right{content:counter(page) " / " counter(pages);font:8pt sans-serif}}
@media print{
body{background:#fff;font-size:9.6pt;line-height:1.45}
header,nav,main{max-width:none;padding:0}
main>section{border:0;border-radius:0;padding:0;margin:0 0 5mm}
section.page{break-before:page}
h1{font-size:18pt}
.subtitle{font-size:10.5pt;margin-bottom:2mm}
dl{padding:1.5mm 0;gap:1mm 6mm}
nav ol{columns:3;font-size:8.2pt;line-height:1.35;margin:2mm 0 3mm}
section section{margin-top:3mm}
h3{font-size:11pt;margin:2.5mm 0 1mm}
li{margin:.5mm 0}
h2{font-size:13.5pt;border-bottom:1px solid var(--line);padding-bottom:1mm}
h2,h3,h4,.caption,p:has(+ul){break-after:avoid}
figure,tr,.warned{break-inside:avoid}
p{orphans:3;widows:3}
p,ul,figcaption{max-width:none}
a{color:inherit;text-decoration:none}
.scroll{overflow:visible}
figure img{max-width:100%;width:auto;max-height:215mm}
#figure-1 img{max-height:122mm}
table{font-size:8pt;width:100%}
th,td{padding:.9mm 1.4mm;white-space:normal}
td.words,td:first-child.words{min-width:0;overflow-wrap:anywhere}
td:first-child{min-width:11mm}
.dense table{font-size:6.8pt;line-height:1.25}
.dense th,.dense td{padding:.35mm 1.2mm;border-bottom-width:.5px}
.dense td:nth-child(4){min-width:60mm}
thead{display:table-header-group}
.warned{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}
""".strip()
