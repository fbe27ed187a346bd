// The page of a report: one file that holds its data, its style and its script, and forbids itself the network. In: the data. Out: the
// document's text. The script and style are built from `client/` by `npm run generate`; the policy names both by their hashes.
import { clientScript, clientStyle, scriptHash, styleHash } from "./client.gen.ts";
import type { PageData } from "./data.ts";

export function reportHtml(data: PageData): string {
  const title = data.plans.map(({ report }) => report.recipe).join(" and ");
  const policy = `default-src 'none'; img-src data:; script-src '${scriptHash}'; style-src '${styleHash}'; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${escaped(title)}: the plan</title>
<style>${clientStyle}</style>
</head>
<body>
<noscript>This page draws its plan with a script of its own; without scripts, read the report as text: ftlc compile --plan</noscript>
<script type="application/json" id="data">${JSON.stringify(data).replaceAll("<", "\\u003c")}</script>
<script>${clientScript}</script>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
