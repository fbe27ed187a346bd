// Kernels with their predicted cost, in a table that sorts; the decisions with what was considered; the verifier's checks. In: the state. Out: the
// sections. Rows light the recipe's lines, and are lit by them.
import { make, section } from "./dom.ts";
import { chosenLine, type State } from "./state.ts";
import { table } from "./summary.ts";
import type { Kernel } from "./model.ts";
import { bytesText, countText, percent } from "../../plan/units.ts";

interface ColumnOfKernels {
  readonly title: string;
  readonly key: (kernel: Kernel) => number | string;
  readonly words: (kernel: Kernel) => string;
}

export function kernelsSection(state: State): HTMLElement {
  const { kernels, plan } = state.model;
  const all = Math.max(1, plan.report.work.cost_per_step);
  const share = (kernel: Kernel): number => (kernel.dispatches_per_step * kernel.cost) / all;
  const columns: readonly ColumnOfKernels[] = [
    { title: "kernel", key: ({ index }) => index, words: ({ name }) => name },
    { title: "cost a step", key: share, words: (kernel) => percent(share(kernel)) },
    {
      title: "dispatches",
      key: (each) => each.dispatches_per_step,
      words: (each) => String(each.dispatches_per_step),
    },
    { title: "FLOP each", key: ({ flops }) => flops, words: ({ flops }) => countText(flops) },
    { title: "bytes each", key: ({ bytes }) => bytes, words: ({ bytes }) => bytesText(bytes) },
    { title: "what", key: ({ about }) => about, words: ({ about }) => about },
  ];
  const rows = new Map(kernels.map((kernel) => [kernel, kernelRow(state, kernel, columns)]));
  const body = make("tbody");
  const heads = columns.map(({ title }, at) => {
    const sort = make("button", { type: "button" }, title);
    sort.addEventListener("click", () => order(at));
    return make("th", { scope: "col" }, sort);
  });
  let [sorted, down] = [-1, true];
  const order = (at: number): void => {
    const { key } = columns[at] ?? { key: () => 0 };
    down =
      at === sorted ? !down : typeof kernels[0] === "object" && at > 0 && typeof key(kernels[0]) === "number";
    sorted = at;
    const ordered = kernels.toSorted((a, b) => compared(key(a), key(b)) * (down ? -1 : 1));
    body.replaceChildren(...ordered.flatMap((kernel) => rows.get(kernel) ?? []));
    for (const [index, head] of heads.entries())
      if (index === at) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
  };
  order(1);
  lightRows(state, new Map([...rows].map(([{ lines }, row]) => [row, lines])));
  const made = make(
    "table",
    { class: "kernels" },
    make("caption", {}, "Kernels; cost is predicted, in bytes that could be moved meanwhile"),
    make("thead", {}, make("tr", {}, ...heads)),
    body,
  );
  const place = make(
    "div",
    { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "Kernels" },
    made,
  );
  state.watch(({ pickedLine }, before) => {
    if (pickedLine === undefined || pickedLine === before.pickedLine) return;
    const first = [...body.children].find((row) => row.classList.contains("lit"));
    if (first instanceof HTMLElement) place.scrollTop = first.offsetTop - first.offsetHeight - 8;
  });
  return section("kernels", "Kernels", place);
}

function compared(a: number | string, b: number | string): number {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

function kernelRow(state: State, kernel: Kernel, columns: readonly ColumnOfKernels[]): HTMLTableRowElement {
  const row = make(
    "tr",
    {},
    ...columns.map(({ words }, at) =>
      make(at === 0 ? "th" : "td", at === 0 ? { scope: "row" } : {}, words(kernel)),
    ),
  );
  pointing(state, row, kernel.lines);
  return row;
}

/** What is under the pointer lights its lines. */
export function pointing(state: State, element: HTMLElement, lines: readonly number[]): void {
  element.addEventListener("pointerenter", () => state.change({ pointedLines: lines }));
  element.addEventListener("pointerleave", () => state.change({ pointedLines: [] }));
}

/** What the chosen line stands behind is lit, the rest steps back. */
export function lightRows(state: State, rows: ReadonlyMap<HTMLElement, readonly number[]>): void {
  state.watch((look, before) => {
    const line = chosenLine(look);
    if (line === chosenLine(before)) return;
    for (const [row, lines] of rows) {
      row.classList.toggle("lit", line !== undefined && lines.includes(line));
      row.classList.toggle("dim", line !== undefined && !lines.includes(line));
    }
  });
}

export function decisionsSection(state: State): HTMLElement {
  const { report, causes, decisionCauses } = state.model.plan;
  const items = report.decisions.map(({ what, chosen, why, considered }, at) => {
    const lines = causes[decisionCauses[at] ?? -1] ?? [];
    const more =
      considered.length === 0
        ? undefined
        : make(
            "details",
            {},
            make("summary", {}, `${considered.length} considered`),
            make("ul", {}, ...considered.map((each) => make("li", {}, each))),
          );
    const item = make(
      "li",
      {},
      make("strong", {}, what),
      ": ",
      make("span", { class: "chosen" }, chosen),
      make("span", { class: "why" }, ` (${why})`),
      more,
    );
    pointing(state, item, lines);
    return [item, lines] as const;
  });
  lightRows(state, new Map(items));
  return section(
    "decisions",
    "Decisions",
    make("ul", { class: "decisions" }, ...items.map(([item]) => item)),
  );
}

export function checksSection({ model }: State): HTMLElement {
  const { checks } = model.plan.report;
  const failed = checks.filter(({ passed }) => !passed).length;
  const rows = checks.map(({ rule, passed, examined }) => [
    rule,
    passed ? "passed" : "failed",
    examined.toLocaleString("en"),
  ]);
  return section(
    "checks",
    "Checks",
    make(
      "details",
      failed > 0 ? { open: true } : {},
      make(
        "summary",
        {},
        failed > 0 ? `${failed} of ${checks.length} rules failed` : `all ${checks.length} rules passed`,
      ),
      table("What the verifier examined", ["rule", "result", "examined"], rows),
    ),
  );
}
